#!/bin/sh
# Runs one fuzzer for some seconds: run.sh FUZZER SECONDS BUILD. The corpus in BUILD grows from run to run.
set -eu
name=$(basename "$1")
mkdir -p "$3/corpus/$name"
if ! "$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=512 -print_final_stats=1 -artifact_prefix="$3/$name-" \
  "$3/corpus/$name" >"$3/$name.log" 2>&1; then
  cat "$3/$name.log"
  exit 1
fi
echo "$name: $(sed -n 's/^stat::number_of_executed_units: //p' "$3/$name.log") executions in $2 s without a finding"
