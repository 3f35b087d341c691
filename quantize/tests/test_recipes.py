"""Every recipe can be read, and says which bundle it begins with in a way that make can fetch."""

import dataclasses
import re
from pathlib import Path

import pytest

from ecgclip.config import load_pretrain_recipe, load_quality_recipe, load_recipe

RECIPES = Path(__file__).parents[1] / "recipes"
MAKEFILE = Path(__file__).parents[2] / "Makefile"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_recipe_is_whole(path):
    if path.stem.startswith("pretrain"):
        load_pretrain_recipe(path)
        return
    if path.stem == "quality":
        load_quality_recipe(path)
        return
    recipe = load_recipe(path)
    for refit in recipe.refits:
        assert set(refit.sets) <= {settings.name for settings in recipe.sets}
    makefile = MAKEFILE.read_text()
    for made in {recipe.training.start, recipe.training.teacher} - {""}:
        if made.endswith("/encoder.pt"):
            assert "\nquantize/build/%/encoder.pt:" in makefile
            pretrained = load_pretrain_recipe((RECIPES / Path(made).parent.name).with_suffix(".toml"))
            assert dataclasses.replace(pretrained.model, dropout=recipe.model.dropout) == recipe.model
        else:
            folder = re.escape(made.split("/models/")[0])
            assert re.search(rf"^(\S+ )*{folder}( \S+)*:", makefile, re.MULTILINE)
