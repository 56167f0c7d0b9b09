"""Keras heads that predict as one graph: what pays for fine-tuned networks and many photos."""

from dataclasses import replace

from fishcli.heads.networks.shared import OwnWeights, with_own_weights
from fishcli.heads.trained import FoldHead, KerasHead

MANY = 500
"""From so many rows on, over all heads of one network, a graph pays, which takes about a second to make.

MobileNetV2 0.35 above block_5_add at 160x160, one core, milliseconds an image: 3.5 layer by layer, 1.1 as a
graph, 1.1 by OpenVINO, which takes twice as long to make ready; above block_12_add 1.5, 0.4 and 0.8.
"""


def as_graph(head: FoldHead) -> FoldHead:
    """A head that predicts the same, as one graph with all that share its network; else itself."""
    if not isinstance(head, KerasHead):
        return head
    model = head.model if isinstance(head.model, OwnWeights) else with_own_weights(head.model)
    return replace(head, model=model.as_graph())
