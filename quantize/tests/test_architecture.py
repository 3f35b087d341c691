"""Folders follow the data: each uses only those before it, in the order in which the package says to read them."""

import ast
import re
from pathlib import Path

import ecgclip

ROOT = Path(ecgclip.__file__).parent
ABOVE = ("__main__", "steps")  # which put the folders together


def part_of(module: str) -> str:
    return module.split(".")[1]


def imports(file: Path):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ecgclip."):
            yield part_of(node.module)
        elif isinstance(node, ast.ImportFrom) and node.module == "ecgclip":
            yield from (alias.name for alias in node.names)


def reading_order() -> list[str]:
    lists = re.findall(r"^- ([a-z_, ]+):", ecgclip.__doc__, flags=re.MULTILINE)
    return ["errors", *(name.strip() for names in lists for name in names.split(",")), *reversed(ABOVE)]


def test_each_part_is_in_the_reading_order():
    parts = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert sorted(reading_order()) == sorted(parts - {"__init__"})


def test_each_part_uses_only_those_before_it():
    order = {name: place for place, name in enumerate(reading_order())}
    against = [
        (str(file.relative_to(ROOT)), used)
        for file in sorted(ROOT.rglob("*.py"))
        for part in [file.relative_to(ROOT).parts[0].removesuffix(".py")]
        if part != "__init__"
        for used in imports(file)
        if order[used] > order[part]
    ]
    assert not against
