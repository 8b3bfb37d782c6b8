"""Every Python function that has options, with its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jpegcompile.options.compiling import (
    DUMP_PASSES,
    EXTERNAL_DATA,
    IMAGE_INPUT,
    INPUT_SIZE,
    MODEL,
    PREPROCESS,
    RESOLUTION,
    STRICT,
    TRUNCATE,
)
from jpegcompile.options.learning_verbs import CACHE_VERB
from jpegcompile.options.option import Argument, Option, Verb
from jpegcompile.options.running import (
    ARENA,
    CACHE_FILE,
    CHOSEN_FILES,
    EXECUTION,
    NODE_INPUTS,
    PROGRESS,
    SESSION_THREADS,
)
from jpegcompile.options.searching import EXACT_MASKS, SEARCH, SEARCHED_RELU
from jpegcompile.options.training import ON_EPOCH
from jpegcompile.options.verbs import COMPILE, TUNE, VERBS

# Parameters of functions that the command line does not have.
_PYTHON: Mapping[str, tuple[Option[Any], ...]] = {
    "demo": (PROGRESS,),
    "finetune": (ON_EPOCH, PROGRESS),
    "inspect": (),
    "compare": (CHOSEN_FILES, PROGRESS),
    "verify": (NODE_INPUTS, CHOSEN_FILES, PROGRESS),
    "merge": (),
}
_CHOOSE = (
    *(replace(o, is_required=o.name == "max_drop") for o in SEARCH if o.name != "images"),
    replace(PREPROCESS, is_required=True),
    IMAGE_INPUT,
    INPUT_SIZE,
    PROGRESS,
)
_CHOOSE_ARGUMENTS = (Argument("model"), Argument("images"))


def _of_verb(verb: Verb) -> tuple[tuple[Argument, ...], tuple[Option[Any], ...]]:
    shared = [one for one in verb.options if one.place != "command"]
    if verb is TUNE:
        return (Argument("path"),), (*shared, PROGRESS)
    if verb is CACHE_VERB:
        shared = [replace(option, is_required=option is CACHE_FILE) for option in shared]
        return (Argument("images"),), (*shared, PROGRESS)
    if verb is COMPILE:
        # The searches are functions of their own, and saving is a method.
        shared = [*MODEL, STRICT, DUMP_PASSES]
    return verb.arguments, (*shared, *_PYTHON.get(verb.functions[0], (PROGRESS,)))


# Positional and other parameters of every public function that has options.
FUNCTIONS: Mapping[str, tuple[tuple[Argument, ...], tuple[Option[Any], ...]]] = {
    **{verb.functions[0]: _of_verb(verb) for verb in VERBS.values()},
    "choose_frequencies": (
        _CHOOSE_ARGUMENTS,
        (*_CHOOSE, SEARCHED_RELU, EXACT_MASKS, replace(TRUNCATE, choices=()), RESOLUTION),
    ),
    "choose_resolution": (_CHOOSE_ARGUMENTS, _CHOOSE),
    "load": ((Argument("path"),), (*EXECUTION, PROGRESS)),
    "Session": ((Argument("path"),), (SESSION_THREADS, ARENA, *EXECUTION, PROGRESS)),
    "CompiledModel.save": ((Argument("path"),), (EXTERNAL_DATA,)),
}
