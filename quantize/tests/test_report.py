"""The report on simulated patients: its figures are right, and it asks nobody for anything."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, roc_auc_score

from ecgclip.__main__ import main
from ecgclip.data.records import Candidate, Origin, Record, open_records, write_records
from ecgclip.export.onnx_export import logits
from ecgclip.report.efficiency_chart import efficiency_charts
from ecgclip.report.measures import share
from ecgclip.report.svg import Scale, element

BUNDLE = Path(__file__).parents[2] / "models" / "reference"
FOLDS = ["1", "2", "9"]
VOID = {"meta", "wbr"}


class Page(HTMLParser):
    """Tags in pairs, attributes, and what stands in the element `figures`."""

    def __init__(self):
        super().__init__()
        self.open, self.attributes, self.figures = [], [], ""

    def handle_starttag(self, tag, attrs):  # noqa: D102
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_endtag(self, tag):  # noqa: D102
        assert self.open.pop()[0] == tag

    def handle_data(self, data):  # noqa: D102
        if self.open and self.open[-1][1].get("id") == "figures":
            self.figures += data


def runs():
    return [
        {"encoder": e, "method": "probe", "cohort": "<ptbxl>", "share": s, "seed": seed, "records": 10,
         "prauc": {"value": s / 2 + seed / 100}, "auroc": {"value": 0.5 + s / 3}}
        for e in ("ours", "random") for s in (0.01, 0.1, 1.0) for seed in (1, 2)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def page(records_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    # The name of a collection that the bundle says it was trained with.
    shutil.copytree(records_folder / "ptbxl", folder / "records")
    manifest = json.loads((folder / "records" / "manifest.json").read_text())
    (folder / "records" / "manifest.json").write_text(json.dumps(manifest | {"name": "PTB-XL"}))
    (folder / "runs.json").write_text(json.dumps(runs()))
    checked = {"task": "AFIB", "windows": 3, "correlation": {"random": 0.125}, "fall": {"random": 0.5}}
    about = {"bundle": "b", "cohort": "c", "windows": "3", "share": 0.1, "methods": ["random"], "tasks": [checked]}
    (folder / "saliency.json").write_text(json.dumps(about))
    out = folder / "report.html"
    options = ["--bundle", str(BUNDLE), "--records", str(folder / "records"), "--fold", *FOLDS, "--show", "AFIB"]
    options += [
        "--efficiency",
        str(folder / "runs.json"),
        "--bootstraps",
        "50",
        "--saliency",
        str(folder / "saliency.json"),
        "--out",
        str(out),
        "--quiet",
    ]
    assert main(["report", *options]) == 0
    return out.read_text()


@pytest.fixture(scope="module")
def parsed(page):
    parser = Page()
    parser.feed(page)
    assert not parser.open
    return parser


def test_its_figures_are_those_of_the_graph(parsed, records_folder):
    records = open_records(records_folder / "ptbxl")
    rows = np.flatnonzero(np.isin(records.folds, [int(fold) for fold in FOLDS]))
    manifest = json.loads((BUNDLE / "manifest.json").read_text())
    scores = logits(BUNDLE / "reference-r18.int8.onnx", records.millivolts(rows))
    found = json.loads(parsed.figures)
    assert (found["windows"], found["patients"], found["averaged"]) == (24, 24, 2)
    for task in found["tasks"]:
        k = [entry["id"] for entry in manifest["tasks"]].index(task["id"])
        truth = records.labels[task["id"]].to_numpy()[rows]
        assert (task["positives"], task["known"]) == (12, 24)
        assert task["prauc"]["value"] == pytest.approx(average_precision_score(truth, scores[:, k]))
        assert task["auroc"]["value"] == pytest.approx(roc_auc_score(truth, scores[:, k]))
        calibration = manifest["tasks"][k]["calibration"]
        p = 1 / (1 + np.exp(-(calibration["a"] * scores[:, k] + calibration["b"])))
        above = p >= manifest["tasks"][k]["threshold"]["value"]
        assert task["sensitivity"]["value"] == pytest.approx(above[truth == 1].mean())
        assert task["specificity"]["value"] == pytest.approx((~above)[truth == 0].mean())
        assert task["brier"]["value"] == pytest.approx(((p - truth) ** 2).mean())
    assert [each["variant"] for each in found["variants"]] == ["fp32"]


def test_it_asks_nobody_for_anything(page, parsed):
    assert not [each for each in parsed.attributes if each[1] in {"src", "srcset", "data", "xlink:href", "background"}]
    assert all(value.startswith("#") for _, name, value in parsed.attributes if name == "href")
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttp", page)
    assert "default-src 'none'" in page


def test_it_says_what_it_is_and_what_a_picture_shows(page, parsed):
    assert "Not a medical device." in page
    assert "This file contains recordings of patients" in page
    pictures = page.count("<svg ")
    assert pictures == page.count("<title>", page.index("<body>")) - page.count("windows</title>")
    assert pictures == sum(each == ("svg", "role", "img") for each in parsed.attributes)
    assert re.search(r"ECG of \d+@0 with the saliency of Atrial fibrillation: most in ", page)


def test_it_says_that_a_bundle_has_seen_these_records(page):
    seen = " ".join(page.split())
    assert "was trained with fold 1, 2, and had its calibration and thresholds chosen on fold 9" in seen


def test_it_shows_the_check_of_the_saliency(page):
    assert '<th scope="row">AFIB</th><td>3</td><td>0.12</td><td>0.50</td>' in page


def test_names_from_outside_are_text_and_nothing_else(page):
    assert "&lt;ptbxl&gt;" in page
    assert "<ptbxl>" not in page


def test_a_task_or_a_variant_that_is_not_there_is_refused(records_folder, tmp_path, capsys):
    common = ["report", "--bundle", str(BUNDLE), "--records", str(records_folder / "ptbxl"), "--quiet"]
    assert main([*common, "--show", "NOSE", "--out", str(tmp_path / "a.html")]) == 1
    assert main([*common, "--variant", "int3", "--out", str(tmp_path / "a.html")]) == 1
    assert "has no ONNX variant int3" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [None, "{", "[]", '{"tasks": [{"task": "AFIB"}], "methods": ["random"]}'])
def test_what_is_no_check_of_the_saliency_is_refused_before_anything_is_measured(
    records_folder, tmp_path, capsys, content
):
    if content is not None:
        (tmp_path / "saliency.json").write_text(content)
    common = ["report", "--bundle", str(BUNDLE), "--records", str(records_folder / "ptbxl"), "--quiet"]
    assert main([*common, "--saliency", str(tmp_path / "saliency.json"), "--out", str(tmp_path / "a.html")]) == 1
    assert "saliency.json is no check of saliency" in capsys.readouterr().err


def test_a_single_window_has_a_report_too(records_folder, tmp_path):
    records = open_records(records_folder / "ptbxl")
    one = Record("alone@0", "alone", "alone", 100, records.signals[0] / np.float32(1000), {"AFIB": 1.0})
    origin = Origin("one", "none", ("AFIB",), rate=100, samples=1000)
    write_records(tmp_path / "one", origin, [Candidate("alone", lambda: [one])], progress=False)
    common = ["report", "--bundle", str(BUNDLE), "--records", str(tmp_path / "one"), "--quiet", "--bootstraps", "20"]
    assert main([*common, "--show", "AFIB", "--out", str(tmp_path / "a.html")]) == 0
    assert "alone" in (tmp_path / "a.html").read_text()


def test_a_share_has_wilsons_interval_with_a_trial_for_each_patient():
    flags = np.arange(20) < 17
    expected = binomtest(17, 20).proportion_ci(method="wilson")
    found = share(flags, np.arange(20).astype(str))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    once = share(np.repeat(flags, 5), np.repeat(np.arange(20), 5).astype(str))
    assert once == found
    assert share(flags[:0], np.array([])) is None


def test_curves_of_efficiency_have_a_picture_for_each_metric():
    pictures = efficiency_charts(runs())
    assert len(pictures) == 2
    assert all(picture.count("seed series") == 2 for picture in pictures)


def test_places_and_elements_are_what_svg_expects():
    scale = Scale(0.01, 1, 0, 100, logarithmic=True)
    assert [round(scale(value)) for value in (0.001, 0.01, 0.1, 1, 9)] == [0, 0, 50, 100, 100]
    assert element("text", "a", text_anchor="end", class_="x") == '<text text-anchor="end" class="x">a</text>'
    assert "&lt;" in element("title", "<b>")
