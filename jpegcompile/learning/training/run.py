"""One run of `finetune`: its networks, images, files and result."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from jpegcompile.data.cache.build import build_cache
from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.learning.training.checkpoint import CheckpointFile
from jpegcompile.learning.training.data import Reading, digest_of_images, require_same_classes
from jpegcompile.learning.training.distributed import Group
from jpegcompile.learning.training.evaluation import evaluated
from jpegcompile.learning.training.feeds import Feed
from jpegcompile.learning.training.loop import Loop, Outputs
from jpegcompile.learning.training.networks import Network, network_of, options_of_teacher
from jpegcompile.learning.training.settings import settings_of
from jpegcompile.learning.training.task import Task
from jpegcompile.learning.training.written import require_outputs
from jpegcompile.messages import Message
from jpegcompile.options import training as option
from jpegcompile.progress import Progress
from jpegcompile.results.finetuning import EpochResult, Evaluated, Finetuning, TrainingSettings

# Options that say which part of a model is the network, and what its input is.
_INPUT = ("preprocess", "image_input", "input_size")
_LESS = ("frequencies", "truncate", "relu", "resolution")
_READING = ("labels", "on_error", "tolerant", "fallback", "threads")


class Run:
    """A run of `finetune`.

    Attributes:
        settings: options that determine the learned weights.
        student: network that learns.
        teacher: network that teaches; None without distillation.
        original: the original as it is, if it is evaluated; None otherwise.
    """

    def __init__(self, given: Mapping[str, Any], group: Group) -> None:
        """Check the options, and read the networks.

        Args:
            given: arguments of `finetune` by name.
            group: processes that learn together.

        Raises:
            UsageError, UnsupportedModelError, AccessError: as `finetune`.
        """
        self._given, self._group = given, group
        checked = settings_of(given, (0, 0), is_normalized=True)
        _require_divisible(checked.batch, group.ranks)
        require_outputs(given)
        reads_pixels = given["domain"] == "auto"
        asked = {name: given[name] for name in _INPUT}
        name = given["output_name"]
        self.student = network_of(
            given["model"],
            {**asked, **{one: given[one] for one in _LESS}},
            name,
            domain=given["domain"],
            reads_pixels=reads_pixels,
        )
        self.settings: TrainingSettings = settings_of(
            given,
            self.student.image.size,
            is_normalized=self.student.is_normalized,
            plan=self.student.plan,
        )
        self.original: Network | None = None
        if given["evaluate_original"] or given["distill"] == option.DISTILL.choices[0]:
            self.original = _fixed(given["model"], asked, name, reads_pixels)
        self.teacher = self._teacher(asked, reads_pixels)
        for network in (self.student, self.teacher, self.original):
            if network is not None:
                network.scores.to(group.device)

    def learned(self, progress: Progress, on_epoch: Callable[[EpochResult], None] | None) -> Loop:
        """Learn, and leave the weights that are to be written in the student.

        Args:
            progress: called with (steps done, steps in all).
            on_epoch: called after each epoch.

        Raises:
            UsageError, ImageError, AccessError, CheckFailedError: as `finetune`.
        """
        given, checkpoint = self._given, self._checkpoint()
        folder, metrics = given["tensorboard"], given["metrics"]
        outputs = Outputs(
            checkpoint,
            None if metrics is None else Path(metrics),
            None if folder is None else Path(folder),
            progress,
            on_epoch,
        )
        loop = Loop(self.task, outputs)
        if checkpoint is not None and given["resume"] and checkpoint.path.exists():
            loop.resume()
        elif checkpoint is not None:
            checkpoint.require_absent()
        loop.run()
        best = loop.course.best
        if best.weights:
            self.student.scores.load_state_dict(best.weights)
        self.task.group.share_buffers(self.student.scores)
        return loop

    @cached_property
    def task(self) -> Task:
        """What is learned from what."""
        group, training = self._group, self._training
        validation = self._reading.validation(self.student, self.teacher)
        if validation is not None:
            require_same_classes(training.student, validation.student)
        return Task(
            self.student.scores,
            None if self.teacher is None else self.teacher.scores,
            training,
            validation,
            self.student.classes,
            max(1, self._images[1] // self.settings.batch),
            self.settings,
            group,
        )

    def compiling(self) -> dict[str, Any]:
        """Return arguments of `to_onnx` for the compiled model; empty if there is none."""
        if self._given["compiled"] is None:
            return {}
        is_exact = self.student.plan.is_exact
        domain = "auto" if is_exact and self._given["domain"] == "auto" else "jpeg"
        return {"compiled": self._given["compiled"], "domain": domain}

    def result(self, loop: Loop) -> Finetuning:
        """Return the result of a finished run.

        Args:
            loop: the loop that learned.
        """
        given, course, task = self._given, loop.course, self.task
        written = course.best.epoch if self.settings.keep == "best" else course.epoch
        validation = task.validation
        return Finetuning(
            str(given["model"]),
            str(given["output"]),
            None if given["compiled"] is None else str(given["compiled"]),
            self._teacher_name,
            self.settings,
            str(self._group.device),
            self._group.ranks,
            self._images[1],
            0 if validation is None else sum(1 for _ in validation.student.samples()),
            tuple(course.epochs),
            self._evaluated_original(loop),
            course.before,
            course.epochs[written - 1].validation,
            written,
            course.epoch < self.settings.epochs,
            loop.resumed,
            course.seen.all_skipped(),
            course.fallbacks,
        )

    @cached_property
    def _reading(self) -> Reading:
        given = self._given
        options = {name: given[name] for name in _READING}
        return Reading(
            given["images"],
            self.settings,
            options,
            given["workers"],
            self._group,
            self.student.trained,
            self._cache(),
        )

    def _cache(self) -> Path | None:
        """Return the cache of the training images. The first process builds it if needed.

        Raises:
            UsageError, ImageError, AccessError: as `build_cache`.
        """
        given = self._given
        if given["cache"] is None:
            return None
        path = Path(given["cache"])
        options = {name: given[name] for name in ("labels", "on_error", "tolerant", "threads")}
        self._group.do_in_first(lambda: build_cache(given["images"], path, **options))
        return path

    @cached_property
    def _training(self) -> Feed:
        return self._reading.training(self.student, self.teacher)

    @cached_property
    def _images(self) -> tuple[str, int]:
        """Hash and number of the training images."""
        return digest_of_images(self._training.student.samples())

    @property
    def _teacher_name(self) -> str | None:
        given = self._given
        if given["distill"] == option.DISTILL.choices[0]:
            return str(given["model"])
        return None if given["distill"] is None else str(given["distill"])

    def _teacher(self, asked: Mapping[str, Any], reads_pixels: bool) -> Network | None:
        """Return the teacher.

        Raises:
            UsageError: if it has another number of classes; or as `network_of`.
        """
        distill = self._given["distill"]
        if distill is None or distill == option.DISTILL.choices[0]:
            return None if distill is None else self.original
        own = options_of_teacher(distill, asked, self.student)
        teacher = _fixed(distill, own, None, reads_pixels)
        if teacher.classes != self.student.classes:
            raise UsageError(
                Message(
                    "teacher-classes-differ",
                    f"{distill}: has {teacher.classes} classes, and {self._given['model']} has"
                    f" {self.student.classes}; give a teacher with the same classes",
                )
            )
        return teacher

    def _checkpoint(self) -> CheckpointFile | None:
        given, student, teacher = self._given, self.student, self.teacher
        if given["checkpoint"] is None:
            return None
        validation = self.task.validation
        identity = {
            "model": student.sha256,
            "image_input": student.image.name,
            "output_name": student.output,
            "teacher": None if teacher is None else teacher.sha256,
            "images": self._images[0],
            "validation images": validation and digest_of_images(validation.student.samples())[0],
            "preprocess": student.preprocess.to_json(),
            "processes": self._group.ranks,
            **{name: given[name] for name in ("tolerant", "fallback")},
            **self.settings.to_json(),
        }
        return CheckpointFile(Path(given["checkpoint"]), identity, given["checkpoint_every"])

    def _evaluated_original(self, loop: Loop) -> Evaluated | None:
        """Return the evaluation of the original, if it is asked for."""
        if not self._given["evaluate_original"]:
            return None
        assert self.original is not None
        feed = self._reading.validation(self.original, self.teacher)
        assert feed is not None
        return evaluated(self.task, self.original.scores, feed, loop.course.seen)


def _require_divisible(batch: int, ranks: int) -> None:
    if batch % ranks:
        raise UsageError(
            Message(
                "batch-not-divisible",
                f"--batch {batch} cannot be divided among {ranks} processes; give a multiple",
            )
        )


def _fixed(
    model: str | os.PathLike[str],
    asked: Mapping[str, Any],
    output_name: str | None,
    reads_pixels: bool,
) -> Network:
    """Return a network that does not learn, at its own resolution with all frequencies."""
    # A model that was compiled before would have its own frequencies.
    exact = {**asked, "frequencies": ALL}
    network = network_of(model, exact, output_name, domain="auto", reads_pixels=reads_pixels)
    network.scores.eval().requires_grad_(False)
    return network
