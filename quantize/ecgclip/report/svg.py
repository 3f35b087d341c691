"""Drawing by hand: SVG that takes its colours from the page, right by day, by night and on paper."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

TICK = 4.0


@dataclass(frozen=True)
class Scale:
    """Values to places along an axis."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Place of a value; what lies outside is put on the border."""
        low, high, at = (math.log(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * min(max((at - low) / (high - low), 0), 1)


def element(name: str, *content: str, **attributes: object) -> Markup:
    """One element; `class_` is class, and other underscores are hyphens."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(v)}"' for key, v in attributes.items())
    return Markup("<{}{}>{}</{}>").format(Markup(name), Markup(written), Markup("").join(content), Markup(name))  # noqa: S704


def number(value: float) -> str:
    """Two decimals at most: a hundredth of a pixel is enough."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


def line(points: Iterable[tuple[float, float]], class_: str) -> Markup:
    """A polyline."""
    return element("path", d="M" + "L".join(f"{number(x)} {number(y)}" for x, y in points), class_=class_)


def dots(points: Iterable[tuple[float, float]], class_: str) -> Markup:
    """Points, all in one element: round ends of lines without length."""
    return element("path", d="".join(f"M{number(x)} {number(y)}h0" for x, y in points), class_=f"dots {class_}")


def text(x: float, y: float, words: str, anchor: str = "middle", class_: str = "") -> Markup:
    """One line of text."""
    place = {"x": number(x), "y": number(y), "text_anchor": anchor}
    return element("text", escape(words), **place, **({"class_": class_} if class_ else {}))


def picture(width: float, height: float, label: str, *content: str, class_: str = "chart") -> Markup:
    """The whole, with words for those who do not see it."""
    body = (element("title", escape(label)), *content)
    return element("svg", *body, viewBox=f"0 0 {number(width)} {number(height)}", role="img", class_=class_)


def axes(
    x: Scale,
    y: Scale,
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]],
    names: tuple[str, str],
) -> Markup:
    """Grid, numbers and names; y grows upwards, so `y.start` is below `y.end`."""
    parts = [element("path", d=f"M{number(x(v))} {number(y.start)}V{number(y.end)}", class_="grid") for v, _ in x_ticks]
    parts += [
        element("path", d=f"M{number(x.start)} {number(y(v))}H{number(x.end)}", class_="grid") for v, _ in y_ticks
    ]
    parts += [text(x(v), y.start + 12, words) for v, words in x_ticks]
    parts += [text(x.start - TICK, y(v) + 3.5, words, "end") for v, words in y_ticks]
    middle = (y.start + y.end) / 2
    parts.append(text((x.start + x.end) / 2, y.start + 25, names[0], class_="name"))
    turned = f"rotate(-90 {number(x.start - 30)} {number(middle)})"
    parts.append(
        element(
            "text",
            escape(names[1]),
            x=number(x.start - 30),
            y=number(middle),
            text_anchor="middle",
            transform=turned,
            class_="name",
        )
    )
    return Markup("").join(parts)
