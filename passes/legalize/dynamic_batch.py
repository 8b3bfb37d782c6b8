"""Make the batch of the image input dynamic if every operator processes images independently.

input[1, C, H, W]  =>  input[N, C, H, W]        exact, since images are independent
input[?, C, H, W]  =>  input[N, C, H, W]        an unnamed dynamic batch gets a name
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.batch import keeps_images_apart
from jpegcompile.errors import UsageError
from jpegcompile.ir.graph import label
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.messages import Message

BATCH = "N"


class DynamicBatch(Pass):
    """Renames the batch dimension of the image input, or notes why the batch size stays fixed.

    Shape inference runs next and renames the dimension in the outputs.
    """

    name = "dynamic-batch"

    def run(self, module: Module) -> bool:
        """Rename the dimension; returns whether it was renamed.

        Raises:
            UsageError: if the batch size stays fixed and the option `--batch` differs.
        """
        graph = module.graph
        image = next(t for t in graph.inputs if t.name == module.image.name)
        batch = image.shape[0]
        if isinstance(batch, int):
            reason = _obstacle(module, image, batch)
            if reason is not None:
                _keep_fixed(module, batch, reason)
                return False
        module.dynamic_batch = True
        if batch and isinstance(batch, str):
            return False
        image.shape = (_free_dimension(graph), *image.shape[1:])
        return True


def _keep_fixed(module: Module, batch: int, reason: Message) -> None:
    """Keep the batch size fixed, which the option `--batch` must not contradict."""
    wanted = module.options.batch
    if wanted not in (None, batch):
        text = (
            f"--batch is {wanted} but input '{module.image.name}' has the fixed batch size {batch}"
            f" ({reason}); omit --batch, or export the model with a dynamic batch"
        )
        raise UsageError(Message("batch-is-fixed", text))
    module.fixed_batch = batch
    ignored = "" if wanted is None else f"; --batch {batch} has no effect"
    note = f"the batch size is fixed to {batch}: {reason}{ignored}"
    module.report.note(Message(reason.code, note))


def _free_dimension(graph: gs.Graph) -> str:
    """Return a name that no dimension of another input has, since sizes could differ."""
    name = BATCH
    while any(name in (t.shape or ()) for t in graph.inputs):
        name += "_"
    return name


def _obstacle(module: Module, image: gs.Tensor, batch: int) -> Message | None:
    """Return why the batch cannot be made dynamic; None if it can."""
    graph = module.graph
    if batch != 1:
        return Message("batch-exported-fixed", "the model was exported with this size")
    if not module.image.has_batch and not module.options.takes_files:
        text = f"input '{image.name}' is one image without a batch dimension"
        return Message("batch-no-dimension", text)
    if len(graph.inputs) > 1:
        text = "the model has other inputs, which may have the same batch"
        return Message("batch-of-other-inputs", text)
    carriers = {id(image)}
    for node in graph.nodes:
        if not any(id(t) in carriers for t in node.inputs):
            if any(node.subgraphs()):
                return Message("batch-and-subgraphs", f"{label(node)} has subgraphs")
            continue
        if not keeps_images_apart(node, carriers):
            text = f"{label(node)} may combine or count images"
            return Message("batch-is-combined", text)
        carriers.update(id(t) for t in node.outputs)
    for output in graph.outputs:
        if id(output) not in carriers:
            text = f"output '{output.name}' does not depend on the image"
            return Message("batch-not-in-output", text)
    return None
