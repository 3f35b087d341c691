"""The network: geometry, built-in preprocessing, lead masking, and training that repeats."""

import dataclasses
import resource

import numpy as np
import pytest
import torch

from ecgclip.augment import Augment
from ecgclip.errors import EcgclipError
from ecgclip.metrics import auroc
from ecgclip.model import Encoder, Network, load_encoder, save_encoder, saved_geometry
from ecgclip.pretraining.alignment import load_alignment
from ecgclip.training import train as train_module
from ecgclip.training.train import masked_loss, predict, train


def test_shapes_and_size(reference):
    network = Network(reference.model, 49).eval()
    logits, embedding, features = network(torch.zeros(2, 12, 1000))
    width = reference.model.widths[-1]
    assert logits.shape == (2, 49)
    assert embedding.shape == (2, 2 * width)
    assert features.shape == (2, width, 63)
    assert 0.5e6 < sum(p.numel() for p in network.parameters()) < 1.5e6


def test_baseline_is_removed_and_the_heart_is_not(reference):
    preprocess = Network(reference.model, 2).encoder.preprocess
    time = torch.arange(1000) / 100
    wander = 0.7 + 0.5 * torch.sin(2 * torch.pi * 0.17 * time)
    heart = torch.sin(2 * torch.pi * 5 * time)
    out = preprocess((wander + heart).expand(1, 12, 1000))[0, 0, 0] / reference.model.gain_per_mv
    assert (out - heart)[100:-100].abs().max() < 0.05


def test_absent_leads_stay_zero_through_preprocessing(reference):
    x = torch.randn(1, 12, 1000)
    x[:, 3:] = 0
    out = Network(reference.model, 2).encoder.preprocess(x)
    assert (out[:, 3:] == 0).all()
    assert out.abs().max() <= reference.model.clip_mv * reference.model.gain_per_mv


def test_lead_masks_are_as_frequent_as_asked_and_never_empty(reference):
    augment = Augment(reference.augment, 100, torch.Generator().manual_seed(1))
    mask = augment.lead_mask(torch.ones(4000, 12, dtype=torch.bool))
    assert abs((~mask.all(dim=1)).float().mean() - reference.augment.mask_leads) < 0.03
    assert mask.sum(dim=1).min() >= 1
    kept = {tuple(row) for row in mask.int().tolist()}
    assert (1,) * 6 + (0,) * 6 in kept  # limb leads only
    assert (0, 1, *[0] * 10) in kept  # lead II only
    assert (1, *[0] * 11) in kept  # lead I only
    assert (0, 1, 0, 0, 0, 0, 1, *[0] * 5) in kept  # II and V1, as at a bedside


def test_of_a_device_with_two_leads_one_may_be_lost(reference):
    augment = Augment(reference.augment, 100, torch.Generator().manual_seed(1))
    there = torch.zeros(2000, 12, dtype=torch.bool)
    there[:, [1, 6]] = True
    left = (augment.lead_mask(there) & there).sum(dim=1)
    assert left.min() == 1
    assert abs((left == 1).float().mean() - reference.augment.mask_leads) < 0.04


def test_augmentation_keeps_derived_leads_derived(reference):
    settings = dataclasses.replace(reference.augment, mask_leads=0.0)
    augment = Augment(settings, 100, torch.Generator().manual_seed(2))
    eight = torch.tensor(np.random.default_rng(0).normal(size=(16, 8, 1000))).float()
    whole, x = augment(eight, torch.ones(16, 8, dtype=torch.bool), torch.zeros(16))
    assert torch.equal(whole, x)
    assert not torch.allclose(x[:, :2], eight[:, :2])
    torch.testing.assert_close(x[:, 2], x[:, 1] - x[:, 0], atol=1e-4, rtol=0)
    torch.testing.assert_close(x[:, 4], x[:, 0] - x[:, 1] / 2, atol=1e-4, rtol=0)


def test_augmentation_adds_no_lead_that_a_device_does_not_have_and_turns_electrodes_as_often_as_asked(reference):
    settings = dataclasses.replace(reference.augment, mask_leads=0.0, noise_mv=0.0, wander_mv=0.0, shift_s=0.0)
    augment = Augment(settings, 100, torch.Generator().manual_seed(2))
    present = torch.zeros(400, 8, dtype=torch.bool)
    present[:, 1] = True
    eight = torch.zeros(400, 8, 1000)
    eight[:, 1] = 1.0
    x, _ = augment(eight, present, torch.full((400,), 0.3))
    assert (x.abs().amax(dim=2) > 0).sum(dim=0).tolist() == [0, 400, *[0] * 10]
    assert abs((x[:, 1].mean(dim=1) < 0).float().mean() - 0.3) < 0.07


def test_unknown_labels_give_no_gradient_and_weights_count():
    logits = torch.zeros(2, 2, requires_grad=True)
    target = torch.tensor([[1.0, float("nan")], [0.0, 1.0]])
    masked_loss(logits, target, torch.tensor([[1.0], [3.0]])).backward()
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad * 7 * 2, torch.tensor([[-1.0, 0.0], [3.0, -3.0]]))


def test_a_batch_without_any_known_label_teaches_nothing_and_spoils_nothing():
    logits = torch.zeros(2, 2, requires_grad=True)
    loss = masked_loss(logits, torch.full((2, 2), torch.nan), torch.tensor([[1.0], [3.0]]))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_fewer_windows_than_a_batch_are_refused(tiny, joint):
    few = dataclasses.replace(tiny, training=dataclasses.replace(tiny.training, batch=1000))
    with pytest.raises(EcgclipError, match="fewer windows than a batch, 1000"):
        train(few, joint, progress=False)


def test_training_learns_and_repeats_bit_for_bit(tiny, joint):
    signals = joint.twelve(joint.rows(joint.validation))
    first, again = (predict(train(tiny, joint, progress=False), signals) for _ in range(2))
    assert (first == again).all()
    other = predict(train(dataclasses.replace(tiny, seed=2), joint, progress=False), signals)
    assert not (first == other).all()


def test_training_that_was_stopped_goes_on_to_the_same_network(tiny, joint, tmp_path, monkeypatch):
    recipe = dataclasses.replace(tiny, model=dataclasses.replace(tiny.model, dropout=0.4))
    checkpoint = tmp_path / "checkpoint.pt"
    whole = train(recipe, joint, progress=False)
    with monkeypatch.context() as patch:
        keep = train_module._keep

        def pull_the_plug(*arguments):
            keep(*arguments)
            if arguments[-1] == 2:
                raise KeyboardInterrupt

        patch.setattr(train_module, "_keep", pull_the_plug)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, joint, checkpoint, progress=False)
    with pytest.raises(EcgclipError, match="another recipe"):
        train(dataclasses.replace(recipe, seed=2), joint, checkpoint, progress=False)
    again = train(recipe, joint, checkpoint, progress=False)
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_network_finds_atrial_fibrillation_also_with_one_lead(tiny, joint):
    longer = dataclasses.replace(tiny, training=dataclasses.replace(tiny.training, epochs=20, learning_rate=0.01))
    network = train(longer, joint, progress=False)
    rows = joint.rows(joint.validation, "ptbxl")
    signals, truth = joint.twelve(rows), joint.labels[rows, joint.tasks.index("AFIB")]
    one_lead = signals * (np.arange(12) == 1)[:, None].astype(np.float32)
    for seen in (signals, one_lead):
        assert auroc(truth, predict(network, seen)[:, joint.tasks.index("AFIB")])[0] > 0.9


@pytest.mark.parametrize(("blocks", "parameters"), [((2, 2, 2, 2), 3.844e6), ((3, 4, 6, 3), 7.215e6)])
def test_encoders_of_merl_are_recipes(reference, blocks, parameters):
    """Liu et al. 2024: 12 x 5000 at 500 Hz become 313 instants of 512 features; sizes are with batch norm folded."""
    merl = dataclasses.replace(
        reference.model, rate=500, samples=5000, stem_kernel=7, kernel=3, widths=(64, 128, 256, 512), blocks=blocks
    )
    encoder = Encoder(merl).eval()
    folded = sum(p.numel() for name, p in encoder.named_parameters() if not name.endswith("1.weight"))
    assert folded == pytest.approx(parameters, abs=500)
    embedding, features = encoder(torch.zeros(1, 12, 5000))
    assert (embedding.shape, features.shape) == ((1, 1024), (1, 512, 313))
    pooled, _ = Encoder(dataclasses.replace(merl, pool="attention")).eval()(torch.zeros(1, 12, 5000))
    assert pooled.shape == (1, 256)


def test_an_encoder_is_read_back_only_into_its_own_geometry(tmp_path, tiny):
    encoder = Encoder(tiny.model).eval()
    path = tmp_path / "encoder.pt"
    save_encoder(path, encoder, tiny.model)
    x = torch.randn(2, 12, 1000)
    again = load_encoder(path, dataclasses.replace(tiny.model, dropout=0.3)).eval()
    torch.testing.assert_close(again(x), encoder(x))
    with pytest.raises(EcgclipError, match="another geometry"):
        load_encoder(path, dataclasses.replace(tiny.model, kernel=3))
    path.write_text("not a checkpoint")
    with pytest.raises(EcgclipError, match="no encoder checkpoint"):
        load_encoder(path, tiny.model)


def test_limb_leads_alone_shift_the_logits_by_their_offset_and_nothing_else(reference):
    torch.manual_seed(0)
    network = Network(reference.model, 3).eval()
    with torch.no_grad():
        network.limb_only.copy_(torch.tensor([1.0, -2.0, 0.0]))
    x = torch.randn(2, 12, reference.model.samples)
    x[1, 6:] = 0
    logits, embedding, _ = network(x)
    plain = network.head(embedding)
    torch.testing.assert_close(logits[0], plain[0])
    torch.testing.assert_close(logits[1], plain[1] - network.limb_only)


def test_half_an_encoder_is_none_and_writing_one_leaves_the_one_before(tmp_path, tiny):
    path = tmp_path / "encoder.pt"
    save_encoder(path, Encoder(tiny.model), tiny.model)
    whole = path.read_bytes()
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) // 2, unlimited[1]))
    try:
        with pytest.raises((OSError, RuntimeError)):
            save_encoder(path, Encoder(tiny.model), tiny.model)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert path.read_bytes() == whole
    for size in (0, 100, len(whole) // 2):
        path.write_bytes(whole[:size])
        for read in (saved_geometry, lambda path: load_encoder(path, tiny.model), load_alignment):
            with pytest.raises(EcgclipError, match="run `pretrain`"):
                read(path)
