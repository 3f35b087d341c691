"""The frozen text encoder: what a statement is, that each is asked for once, and what embeddings say."""

import importlib.util

import numpy as np
import pytest

from ecgclip.errors import EcgclipError
from ecgclip.pretraining import text
from ecgclip.pretraining.text import OFFLINE, embed_reports, statements

transformers = pytest.importorskip("transformers")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "sinus", "rhythm", "atrial", "fibrillation", "normal", "ecg"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A BERT of two thousand random weights in a local folder, as any user's model would lie."""
    folder = tmp_path_factory.mktemp("bert")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertModel(config).save_pretrained(folder)
    return str(folder)


def test_a_report_is_a_list_of_statements():
    assert statements("Sinus rhythm.  Normal ECG; st-depression 0.1 mV, v4\nold infarct?") == [
        "sinus rhythm",
        "normal ecg",
        "st-depression 0.1 mv",
        "v4",
        "old infarct?",
    ]
    assert statements(" . ") == []


def test_each_statement_is_encoded_once(model, tmp_path, monkeypatch):
    asked = []
    encode = text._encode
    monkeypatch.setattr(text, "_encode", lambda texts, *a, **k: asked.append(texts) or encode(texts, *a, **k))
    reports = ["sinus rhythm. normal ecg", "atrial fibrillation", "Normal ECG; sinus rhythm", ""]
    first = embed_reports(reports, model, tmp_path, progress=False)
    again = embed_reports([*reports, "ecg"], model, tmp_path, progress=False)
    assert asked == [["atrial fibrillation", "normal ecg", "sinus rhythm"], ["ecg"]]
    np.testing.assert_array_equal(first, again[:4])
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), [1, 1, 1, 0], atol=1e-6)
    np.testing.assert_allclose(first[0], first[2], atol=1e-6)


def test_padding_changes_nothing(model, tmp_path):
    long = " ".join(["sinus rhythm"] * 20)
    together = embed_reports(["ecg", long], model, tmp_path / "a", progress=False)
    alone = embed_reports(["ecg"], model, tmp_path / "b", progress=False)
    np.testing.assert_allclose(together[0], alone[0], atol=1e-5)


def test_a_model_that_is_not_there_is_one_clear_sentence(tmp_path):
    with pytest.raises(EcgclipError, match="local folder"):
        embed_reports(["ecg"], str(tmp_path / "nothing"), tmp_path, progress=False)


@pytest.mark.skipif(importlib.util.find_spec(OFFLINE.replace("-", "_")) is None, reason=f"{OFFLINE} is not installed")
def test_the_offline_encoder_knows_what_belongs_together(tmp_path):
    reports = ["atrial fibrillation", "irregular rhythm without p waves, af", "left bundle branch block", "lbbb"]
    similar = (e := embed_reports(reports, OFFLINE, tmp_path, progress=False)) @ e.T
    assert similar[0, 1] > similar[0, 2]
    assert similar[0, 1] > similar[1, 2]
