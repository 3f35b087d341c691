"""Recordings as other devices would have made them."""

import numpy as np
import pytest

from ecgclip.judging.devices import NOISE_MV, RAIL_MV, devices

RATE = 100
TIME_S = np.arange(10 * RATE) / RATE


def sine(hz, mv=1.0):
    x = np.zeros((1, 2, len(TIME_S)), np.float32)
    x[0, 0] = mv * np.sin(2 * np.pi * hz * TIME_S)
    return x


@pytest.mark.parametrize("name", devices(RATE))
def test_an_absent_lead_stays_absent_and_the_shape_and_type_stay(name):
    made = devices(RATE)[name](sine(5))
    assert made.shape == (1, 2, len(TIME_S))
    assert made.dtype == np.float32
    assert not made[0, 1].any()
    assert made[0, 0].any()


@pytest.mark.parametrize(
    ("name", "hz", "share"),
    [
        ("low-pass of 25 Hz", 5.0, 1.0),
        ("low-pass of 25 Hz", 25.0, 0.5),  # -3 dB forwards and again backwards
        ("high-pass of 0.67 Hz", 0.67, 0.707),
        ("high-pass of 0.67 Hz", 10.0, 1.0),
        ("a fifth less gain", 5.0, 0.8),
        ("a quarter more gain", 5.0, 1.25),
    ],
)
def test_filters_and_gains_are_what_they_are_called(name, hz, share):
    middle = slice(3 * RATE, 9 * RATE)
    made = devices(RATE)[name](sine(hz))[0, 0, middle]
    assert made.std() * 2**0.5 == pytest.approx(share, abs=0.02)


def test_noise_and_rails_are_as_large_as_they_say():
    given = sine(5, mv=3.0)
    assert (devices(RATE)["noise of 50 µV"](given) - given)[0, 0].std() == pytest.approx(NOISE_MV, rel=0.1)
    assert np.abs(devices(RATE)["rails at 2 mV"](given)).max() == RAIL_MV
