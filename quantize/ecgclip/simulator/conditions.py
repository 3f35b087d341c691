"""What disease does to the shape of a beat: conduction, hypertrophy, infarction, ischaemia, repolarisation.

Criteria are those of AHA/ACCF/HRS 2009 (parts III-VI) and of the fourth universal definition of infarction; each
function makes a clear to a borderline case of them. Vectors: X left, Y down, Z back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ecgclip.simulator.dipole import Plateau, Pulse, Vector
from ecgclip.simulator.heart import Generator, Heart, log_normal, moved, plus, scaled, spread, stretched, turned


def left_anterior_fascicular_block(heart: Heart, rng: Generator) -> None:
    """Axis -45 to -90 degrees, q in aVL, r in the inferior leads."""
    heart.qrs = [Pulse(-0.032, 0.009, (-0.08, 0.18, -0.05)), *turned(heart.qrs[1:], frontal=-rng.uniform(65, 95))]
    heart.qrs = stretched(heart.qrs, rng.uniform(1.05, 1.2))


def left_posterior_fascicular_block(heart: Heart, rng: Generator) -> None:
    """Axis 90 to 180 degrees, r in I and aVL, q in the inferior leads."""
    heart.qrs = [Pulse(-0.032, 0.009, (0.12, -0.18, -0.05)), *turned(heart.qrs[1:], frontal=rng.uniform(60, 95))]
    heart.qrs = stretched(heart.qrs, rng.uniform(1.05, 1.2))


def right_bundle_branch_block(heart: Heart, rng: Generator, complete: bool = True) -> None:
    """Late activation of the right ventricle, to the right and forward: rsR' in V1, broad S in I and V6."""
    by = log_normal(rng, 0.25)
    if complete:
        heart.qrs.append(Pulse(rng.uniform(0.052, 0.068), rng.uniform(0.014, 0.020), (-0.45 * by, 0.05, -0.60 * by)))
        heart.t = moved(heart.t, (0.03, 0, rng.uniform(0.08, 0.22)))
    else:
        heart.qrs.append(Pulse(rng.uniform(0.036, 0.046), rng.uniform(0.008, 0.011), (-0.22 * by, 0, -0.40 * by)))


def incomplete_right_bundle_branch_block(heart: Heart, rng: Generator) -> None:
    """The same, QRS below 120 ms."""
    right_bundle_branch_block(heart, rng, complete=False)


def left_bundle_branch_block(heart: Heart, rng: Generator) -> None:
    """No septal q; slow activation to the left and back; ST and T against it."""
    by, wide = log_normal(rng, 0.25), rng.uniform(0.95, 1.25)
    qrs = [
        Pulse(-0.024, 0.014, (0.30, 0.18, 0.20)),
        Pulse(0.010, 0.020, (0.62, 0.15, 0.85)),
        Pulse(0.050, 0.020, (0.75, 0.10, 0.70)),
    ]
    heart.qrs = turned(spread(rng, scaled(stretched(qrs, wide), by), 12), frontal=rng.normal(-5, 20))
    heart.t = [replace(pulse, vector=(-0.17 * by, -0.04, -0.22 * by)) for pulse in heart.t]
    heart.st.append(Plateau(0.075, 0.30, (-0.05 * by, -0.01, -0.10 * by)))


def incomplete_left_bundle_branch_block(heart: Heart, rng: Generator) -> None:
    """No septal q, QRS 110-119 ms, slurred."""
    heart.qrs = [replace(heart.qrs[0], vector=(0.10, 0.05, 0.15)), *stretched(heart.qrs[1:], rng.uniform(1.35, 1.55))]


def intraventricular_conduction_disturbance(heart: Heart, rng: Generator) -> None:
    """Broad or notched without the pattern of either bundle."""
    heart.qrs = stretched(heart.qrs, rng.uniform(1.35, 1.75))
    x, y, z = rng.normal(0, 0.22, 3)
    heart.qrs.append(Pulse(rng.uniform(0.045, 0.07), 0.012, (x, y, z)))


def preexcitation(heart: Heart, rng: Generator) -> None:
    """Short PR, delta wave, ST and T against it."""
    heart.pr = rng.uniform(0.095, 0.12)
    x, y, z = rng.uniform(0.1, 0.4), rng.uniform(-0.35, 0.35), rng.uniform(-0.35, 0.35)
    heart.qrs = [
        Pulse(-0.048, 0.016, (x, y, z)),
        Pulse(-0.028, 0.014, (1.3 * x, 1.3 * y, 1.3 * z)),
        *stretched(heart.qrs[1:], 1.2),
    ]
    heart.t = moved(heart.t, (-0.7 * x, -0.7 * y, -0.7 * z))


def left_ventricular_hypertrophy(heart: Heart, rng: Generator) -> None:
    """High voltages to the left and back; often with strain."""
    by = rng.uniform(1.5, 2.3)
    heart.qrs = [heart.qrs[0], *turned(scaled(heart.qrs[1:], by), frontal=-rng.uniform(0, 35), horizontal=8)]
    if rng.random() < 0.65:
        depth = rng.uniform(0.03, 0.12)
        heart.st.append(Plateau(0.045, 0.26, (-depth, -0.4 * depth, -0.4 * depth)))
        heart.t = moved(scaled(heart.t, 0.3), (-rng.uniform(0.04, 0.18), -0.03, -0.08))


def right_ventricular_hypertrophy(heart: Heart, rng: Generator) -> None:
    """Axis to the right, R in V1, S in V6, strain over the right leads."""
    by = rng.uniform(0.8, 1.5)
    forces = ((0.15, 0.65 * by, -0.55 * by), (-0.45 * by, 0.45 * by, -0.45 * by), (-0.35 * by, -0.05, 0.15))
    heart.qrs = [
        heart.qrs[0],
        *(replace(pulse, vector=vector) for pulse, vector in zip(heart.qrs[1:4], forces, strict=False)),
        *heart.qrs[4:],
    ]
    heart.t = moved(heart.t, (0.05, -rng.uniform(0, 0.12), rng.uniform(0.1, 0.3)))


def left_atrial_enlargement(heart: Heart, rng: Generator) -> None:
    """P longer than 120 ms with two peaks, its second half to the back."""
    first, second = heart.p
    late = rng.uniform(0.018, 0.035)
    heart.p = [
        replace(first, at=first.at - late / 2),
        replace(second, at=second.at + late, width=0.022, vector=(0.09, 0.08, rng.uniform(0.10, 0.20))),
    ]
    heart.pr += late / 2


def right_atrial_enlargement(heart: Heart, rng: Generator) -> None:
    """P above 0.25 mV in the inferior leads and forward in V1."""
    first, second = heart.p
    heart.p = [replace(first, vector=(0.02, rng.uniform(0.17, 0.28), -rng.uniform(0.10, 0.20))), second]


@dataclass(frozen=True)
class Wall:
    """A territory of the left ventricle: where it lies as seen from the middle of the dipole."""

    task: str | None  # the infarction that it makes
    name: str
    outward: Vector


WALLS = (
    Wall("AMI", "anterior", (0.15, 0.05, -1.0)),
    Wall("AMI", "anteroseptal", (-0.20, 0.0, -1.0)),
    Wall("AMI", "anterolateral", (0.75, -0.10, -0.70)),
    Wall("IMI", "inferior", (-0.05, 1.0, 0.10)),
    Wall("IMI", "inferolateral", (0.65, 0.80, 0.20)),
    Wall("LMI", "lateral", (1.0, -0.15, 0.10)),
    Wall("PMI", "posterior", (0.10, 0.15, 1.0)),
)


def _along(vector: Vector, by: float) -> Vector:
    return (vector[0] * by, vector[1] * by, vector[2] * by)


def infarction(heart: Heart, rng: Generator, wall: Wall, acute: bool = False) -> None:
    """The wall's forces are gone (Q waves); fresh, it also draws ST towards itself; later T points away from it."""
    size = rng.uniform(0.25, 0.6)
    if not acute or rng.random() < 0.4:
        heart.qrs.insert(0, Pulse(-rng.uniform(0.022, 0.034), rng.uniform(0.010, 0.014), _along(wall.outward, -size)))
        heart.qrs = [
            replace(pulse, vector=plus(pulse.vector, _along(wall.outward, -0.5 * size))) if 1 <= k <= 2 else pulse
            for k, pulse in enumerate(heart.qrs)
        ]
    if acute:
        injury(heart, rng, wall, rng.uniform(0.15, 0.45))
        heart.t = moved(heart.t, _along(wall.outward, rng.uniform(0, 0.25)))
    elif rng.random() < 0.7:
        heart.t = moved(scaled(heart.t, 0.6), _along(wall.outward, -rng.uniform(0.06, 0.22)))


def injury(heart: Heart, rng: Generator, wall: Wall, mv: float) -> None:
    """ST towards the wall (mv > 0) or away from it."""
    heart.st.append(Plateau(rng.uniform(0.036, 0.05), rng.uniform(0.26, 0.34), _along(wall.outward, mv)))


def ischaemia(heart: Heart, rng: Generator, wall: Wall) -> None:
    """ST depressed and T turned over a territory."""
    injury(heart, rng, wall, -rng.uniform(0.04, 0.16))
    if rng.random() < 0.8:
        heart.t = moved(scaled(heart.t, 0.5), _along(wall.outward, -rng.uniform(0.08, 0.28)))


def st_depression(heart: Heart, rng: Generator) -> None:
    """Over the lateral and anterior leads, without more."""
    injury(heart, rng, Wall(None, "", (0.8, 0.45, -0.35)), -rng.uniform(0.06, 0.18))


def st_elevation(heart: Heart, rng: Generator) -> None:
    """Slight, without reciprocal change to speak of."""
    injury(heart, rng, Wall(None, "", (0.35, 0.3, -0.9)), rng.uniform(0.08, 0.18))


def inverted_t_waves(heart: Heart, rng: Generator, wall: Wall) -> None:
    """T away from a territory."""
    heart.t = moved(scaled(heart.t, 0.3), _along(wall.outward, -rng.uniform(0.12, 0.32)))


def flat_t_waves(heart: Heart, rng: Generator) -> None:
    """Low T waves in all leads."""
    heart.t = scaled(heart.t, rng.uniform(0.05, 0.4))


def long_qt(heart: Heart, rng: Generator) -> None:
    """QTc above 480 ms."""
    heart.qt = rng.uniform(1.22, 1.45)


def brugada(heart: Heart, rng: Generator) -> None:
    """Type 1: a coved ST over V1 and V2 that falls into a negative T."""
    by = rng.uniform(0.2, 0.42)
    heart.qrs.append(Pulse(0.045, 0.012, (-0.8 * by, -0.3 * by, -1.4 * by)))
    heart.st.append(Plateau(0.04, 0.17, (-0.45 * by, -0.15 * by, -0.75 * by)))
    heart.t = moved(heart.t, (0.08, 0.02, rng.uniform(0.18, 0.34)))


def early_repolarisation(heart: Heart, rng: Generator) -> None:
    """J point notched or slurred by 0.1 mV and more over the inferior or lateral leads, high T."""
    by = rng.uniform(0.10, 0.22)
    heart.qrs.append(Pulse(rng.uniform(0.040, 0.048), 0.007, (by, by, -0.4 * by)))
    heart.st.append(Plateau(0.042, 0.28, (0.4 * by, 0.4 * by, -0.7 * by)))
    heart.t = scaled(heart.t, rng.uniform(1.1, 1.6))


def low_voltage(heart: Heart, rng: Generator) -> None:
    """QRS below 0.5 mV in the limb leads, and small in the others."""
    by = rng.uniform(0.22, 0.42)
    heart.qrs, heart.t, heart.p = (
        scaled(pulses, by * extra) for pulses, extra in ((heart.qrs, 1), (heart.t, 1.3), (heart.p, 1.6))
    )


def hyperkalaemia(heart: Heart, rng: Generator) -> None:
    """T high and narrow, then P flat, PR and QRS long."""
    grade = rng.random()
    heart.t = [
        replace(pulse, width=pulse.width * 0.55, vector=_along(pulse.vector, 1.8 + 1.4 * grade))
        for pulse in heart.t[1:]
    ]
    heart.p = scaled(stretched(heart.p, 1.2), 1 - 0.8 * grade)
    heart.pr += 0.06 * grade
    heart.qrs = stretched(heart.qrs, 1 + 0.7 * grade)


def long_pr(heart: Heart, rng: Generator) -> None:
    """PR above 200 ms."""
    heart.pr = rng.uniform(0.215, 0.33)


Change = Callable[[Heart, Generator], None]

CONDUCTION: dict[str, Change] = {
    "CRBBB": right_bundle_branch_block,
    "IRBBB": incomplete_right_bundle_branch_block,
    "CLBBB": left_bundle_branch_block,
    "ILBBB": incomplete_left_bundle_branch_block,
    "LAFB": left_anterior_fascicular_block,
    "LPFB": left_posterior_fascicular_block,
    "IVCD": intraventricular_conduction_disturbance,
    "WPW": preexcitation,
}
CHAMBERS: dict[str, Change] = {
    "LVH": left_ventricular_hypertrophy,
    "RVH": right_ventricular_hypertrophy,
    "LAO/LAE": left_atrial_enlargement,
    "RAO/RAE": right_atrial_enlargement,
    "LVOLT": low_voltage,
}
REPOLARISATION: dict[str, Change] = {
    "STD": st_depression,
    "STE": st_elevation,
    "LNGQT": long_qt,
    "BRUG": brugada,
    "ERP": early_repolarisation,
    "HYPERK": hyperkalaemia,
}


def ventricular_heart(rng: Generator) -> Heart:
    """A beat that begins in a ventricle: broad, high, anywhere directed, ST and T against it."""
    angle_x, angle_z = rng.uniform(-1, 1), rng.uniform(-1, 1)
    y = rng.choice([-1, 1]) * rng.uniform(0.3, 1.1)
    by, wide = log_normal(rng, 0.25), rng.uniform(0.85, 1.25)
    first, second = (0.6 * angle_x, 0.75 * y, 0.5 * angle_z), (0.8 * angle_x, y, 0.8 * angle_z)
    qrs = scaled(stretched([Pulse(-0.022, 0.026, first), Pulse(0.036, 0.026, second)], wide), by)
    against = _along(second, -0.45 * by)
    return Heart(
        p=[],
        qrs=spread(rng, qrs, 15),
        t=[Pulse(0.27, 0.060, against, stretches=True)],
        st=[Plateau(0.07, 0.24, _along(against, 0.25))],
    )


def paced_heart(rng: Generator) -> Heart:
    """Paced at the apex of the right ventricle: a spike, then left bundle branch block with an axis upwards."""
    heart = ventricular_heart(rng)
    by = log_normal(rng, 0.2)
    heart.qrs = [
        Pulse(-0.060, 0.0015, _along((0.7, 1.2, 0.4), rng.choice([-1, 1]) * rng.uniform(0.4, 2.0))),
        Pulse(-0.018, 0.024, (0.35 * by, -0.55 * by, 0.55 * by)),
        Pulse(0.034, 0.026, (0.40 * by, -0.75 * by, 0.75 * by)),
    ]
    heart.t = [Pulse(0.28, 0.060, (-0.18 * by, 0.32 * by, -0.35 * by), stretches=True)]
    heart.st = []
    return heart
