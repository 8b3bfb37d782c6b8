"""Make the batch of the image input symbolic, where every operator behind it works by image.

input[1, C, H, W]  =>  input[N, C, H, W]        exact: each image is computed alone
input[?, C, H, W]  =>  input[N, C, H, W]        the batch is open already, and gets a name
"""

from __future__ import annotations

import onnx_graphsurgeon as gs

from jpegcompile.analysis.batch import keeps_images_apart
from jpegcompile.errors import UsageError
from jpegcompile.ir.graph import label
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

BATCH = "N"


class DynamicBatch(Pass):
    """Rename the batch dimension of the image input, or note why it stays fixed.

    Shape inference, which follows, renames it in the outputs.
    """

    name = "dynamic-batch"

    def run(self, module: Module) -> bool:
        """Returns whether the batch got its name here.

        Raises:
            UsageError: if the batch stays another than kernels are to be chosen for.
        """
        graph = module.graph
        image = next(t for t in graph.inputs if t.name == module.image.name)
        batch = image.shape[0]
        if isinstance(batch, int):
            reason = "the model was exported for it" if batch != 1 else _obstacle(module, image)
            if reason:
                _bind(module, batch, reason)
                return False
        module.dynamic_batch = True
        if batch and isinstance(batch, str):
            return False
        image.shape = (_free_dimension(graph), *image.shape[1:])
        return True


def _bind(module: Module, batch: int, reason: str) -> None:
    """Keep a batch, which may be the one that kernels are to be chosen for, but no other."""
    wanted = module.options.batch
    if wanted not in (None, batch):
        raise UsageError(
            f"--batch is {wanted} but input '{module.image.name}' stays bound to batch {batch}"
            f" ({reason}); leave --batch out, or export the model with an open batch"
        )
    module.fixed_batch = batch
    needless = "" if wanted is None else f", and --batch {batch} changes nothing"
    module.report.note(f"batch stays {batch}: {reason}{needless}")


def _free_dimension(graph: gs.Graph) -> str:
    """A name that no other input has for one of its dimensions: the two could differ."""
    name = BATCH
    while any(name in (t.shape or ()) for t in graph.inputs):
        name += "_"
    return name


def _obstacle(module: Module, image: gs.Tensor) -> str | None:
    """Why the batch cannot be made symbolic; None if it can."""
    graph = module.graph
    if not module.image.has_batch and not module.options.takes_files:
        return f"input '{image.name}' is one image, without a batch"
    if len(graph.inputs) > 1:
        return "the model has other inputs, which may be of one batch"
    carriers = {id(image)}
    for node in graph.nodes:
        if not any(id(t) in carriers for t in node.inputs):
            if any(node.subgraphs()):
                return f"{label(node)} has subgraphs"
            continue
        if not keeps_images_apart(node, carriers):
            return f"{label(node)} may mix or count images"
        carriers.update(id(t) for t in node.outputs)
    for output in graph.outputs:
        if id(output) not in carriers:
            return f"output '{output.name}' does not depend on the image"
    return None
