"""Which options go together: what is refused, and what the message says."""

import dataclasses

import pytest

from fishcli.basics.errors import FishError
from fishcli.heads.choices import (
    ENCODE,
    HEADS,
    OF_GRADIENTS,
    check_options,
    check_store,
    default_of,
    pooling_of,
)
from fishcli.options.command_lines import flag
from fishcli.options.train import TrainConfig

CLASSICAL = ["blend", "linear", "svm", "forest", "bow", "llc", "fisher"]
MAPS_ONLY = ["fcn", "allconv", "inception", "residual", "attention"]
ASKED = {
    "epochs": 7,
    "lr": 0.1,
    "batch_size": 8,
    "dropout": 0.1,
    "metadata_dropout": 0.1,
    "box_loss": "giou",
    "box_weight": 1.0,
    "loss": "hinge",
    "label_smoothing": 0.0,
    "focal": 2.0,
    "mixup": 0.2,
    "sample_pairing": True,
    "balance": "group",
    "pseudo": "other",
}
"""A value other than the default of each option that scikit-learn's heads have no use for."""


def refusal(**options):
    with pytest.raises(FishError) as raised:
        check_options(TrainConfig(**{"head": "gap", **options}))
    return str(raised.value)


@pytest.mark.parametrize("head", HEADS)
def test_the_defaults_suit_every_head(head):
    check_options(TrainConfig(head=head))
    check_store(TrainConfig(head=head), has_maps=True, store_name="maps", mending="")


@pytest.mark.parametrize("head", [head for head in HEADS if head not in CLASSICAL])
def test_heads_of_keras_take_every_option_of_keras(head):
    for name, value in ASKED.items():
        check_options(TrainConfig(head=head, **{name: value}))


@pytest.mark.parametrize("head", HEADS)
def test_small_classes_are_filled_up_for_heads_that_can_learn_from_made_rows(head):
    for name, value, takers in (
        ("smote", True, {"blend", "linear", *HEADS} - {"svm", "forest", *ENCODE}),
        ("generate", 50, {"blend", "linear"}),
    ):
        if head in takers:
            check_options(TrainConfig(head=head, **{name: value}))
        else:
            message = refusal(head=head, **{name: value})
            assert message == f"--{name} means nothing to --head {head}. Leave it out, or pass --head blend."


def test_small_classes_are_filled_up_one_way_only():
    message = refusal(head="blend", smote=True, generate=50)
    assert message == "--smote and --generate both fill small classes up. Choose one."


@pytest.mark.parametrize("head", CLASSICAL)
def test_heads_of_scikit_learn_take_what_is_not_about_training_by_gradient(head):
    check_options(TrainConfig(head=head, metadata="size+size-numeric", class_weight="balanced", views=4))
    check_options(TrainConfig(head=head, boxes="union", seeds=3, seed=7, groups="none", memory_budget=1.0))


def test_an_unknown_head_gets_a_hint():
    assert refusal(head="gab").startswith("unknown head 'gab'. Did you mean 'gap'? Known: blend, linear, ")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("sise", "unknown metadata 'sise'. Did you mean 'size'? Known: size-embedding, size, size-numeric"),
        ("size+", "unknown metadata ''."),
        ("size+numeric", "unknown metadata 'numeric'. Did you mean 'size-numeric'?"),
        ("none+size", "--metadata none+size: none can't be joined with others."),
        ("size-numeric+none", "--metadata size-numeric+none: none can't be joined with others."),
    ],
)
def test_unknown_metadata_is_refused(metadata, message):
    assert message in refusal(metadata=metadata)


@pytest.mark.parametrize(
    "metadata", ["none", "size", "size-embedding", "size-numeric", "size-numeric+size-embedding+size"]
)
def test_every_kind_of_metadata_goes_with_gap(metadata):
    check_options(TrainConfig(head="gap", metadata=metadata))


def test_every_option_of_keras_is_tried_with_a_value_of_its_own():
    assert set(ASKED) == set(OF_GRADIENTS)
    assert all(ASKED[name] != default_of(name) for name in OF_GRADIENTS)
    assert set(OF_GRADIENTS) <= {field.name for field in dataclasses.fields(TrainConfig)}


@pytest.mark.parametrize("head", CLASSICAL)
@pytest.mark.parametrize("name", ASKED)
def test_options_of_keras_mean_nothing_to_heads_of_scikit_learn(head, name):
    message = refusal(head=head, **{name: ASKED[name]})
    assert message == f"{flag(name)} means nothing to --head {head}. Leave it out, or pass --head gap."


def test_an_option_is_named_as_it_is_typed():
    assert "--sample-pairing means nothing" in refusal(head="svm", sample_pairing=True)


@pytest.mark.parametrize("metadata", ["size-embedding", "size-numeric+size-embedding"])
def test_an_embedding_is_not_learned_by_scikit_learn(metadata):
    message = refusal(head="linear", metadata=metadata)
    assert "--metadata size-embedding is learned by gradient, which --head linear is not." in message
    assert message.endswith("Pass --metadata size.")


@pytest.mark.parametrize("head", [*CLASSICAL, *MAPS_ONLY])
def test_pooling_is_for_gap_and_dense(head):
    assert f"--pooling means nothing to --head {head}." in refusal(head=head, pooling="max")
    for other in ("gap", "dense"):
        check_options(TrainConfig(head=other, pooling="max"))


@pytest.mark.parametrize("head", [head for head in HEADS if head != "inception"])
def test_auxiliary_is_for_inception(head):
    assert f"--auxiliary means nothing to --head {head}." in refusal(head=head, auxiliary=True)
    check_options(TrainConfig(head="inception", auxiliary=True))


@pytest.mark.parametrize("head", [head for head in HEADS if head != "residual"])
def test_the_residual_version_is_for_residual(head):
    assert f"--residual-version means nothing to --head {head}." in refusal(head=head, residual_version=1)
    check_options(TrainConfig(head="residual", residual_version=1))


@pytest.mark.parametrize("name", ["codebook", "pyramid"])
def test_codebooks_and_pyramids_are_for_heads_that_encode(name):
    for head in set(HEADS) - set(ENCODE):
        message = refusal(head=head, **{name: 2})
        assert message == f"--{name} means nothing to --head {head}. Leave it out, or pass --head fisher."
    for head in ENCODE:
        check_options(TrainConfig(head=head, **{name: 2}))


@pytest.mark.parametrize(
    ("one", "other"), [("mixup", "sample_pairing"), ("mixup", "smote"), ("sample_pairing", "smote")]
)
def test_rows_are_mixed_one_way_only(one, other):
    asked = {**ASKED, "smote": True}
    message = refusal(**{one: asked[one], other: asked[other]})
    assert message == f"{flag(one)} and {flag(other)} both mix rows. Choose one."


@pytest.mark.parametrize("name", ["mixup", "focal", "pseudo"])
def test_hinge_takes_hard_labels_only(name):
    message = refusal(loss="hinge", **{name: ASKED[name]})
    assert message.startswith(f"{flag(name)} needs probabilities, but --loss hinge has hard labels")
    assert message.endswith("Pass --loss cross-entropy.")


@pytest.mark.parametrize(
    "options", [{"sample_pairing": True}, {"smote": True}, {"balance": "group"}], ids=str
)
def test_hinge_goes_with_what_keeps_labels_hard(options):
    check_options(TrainConfig(head="gap", loss="hinge", **options))


@pytest.mark.parametrize("head", [*MAPS_ONLY, *ENCODE])
def test_heads_of_maps_need_a_store_of_maps(head):
    with pytest.raises(FishError) as raised:
        check_store(
            TrainConfig(head=head),
            has_maps=False,
            store_name="vgg16-64x64-0",
            mending="fishcli features --pool none",
        )
    assert str(raised.value) == (
        f"--head {head} needs maps, but the store vgg16-64x64-0 holds pooled features. Compute maps: "
        "fishcli features --pool none, then name that store with --features."
    )


@pytest.mark.parametrize("head", ["gap", "dense"])
@pytest.mark.parametrize("pooling", ["avg", "max", "gem", "overlap", "stochastic"])
def test_a_way_of_pooling_needs_a_store_of_maps(head, pooling):
    config = TrainConfig(head=head, pooling=pooling)
    check_store(config, has_maps=True, store_name="maps", mending="")
    with pytest.raises(FishError, match=f"^--pooling {pooling} needs maps, but the store pooled holds"):
        check_store(config, has_maps=False, store_name="pooled", mending="")


@pytest.mark.parametrize("head", ["blend", "linear", "svm", "forest", "gap", "dense"])
def test_other_heads_take_pooled_features(head):
    check_store(TrainConfig(head=head), has_maps=False, store_name="pooled", mending="")


@pytest.mark.parametrize(
    ("head", "pooling", "expected"),
    [("gap", "auto", "avg"), ("dense", "auto", "max"), ("gap", "gem", "gem"), ("dense", "avg", "avg")],
)
def test_pooling_auto_is_the_heads_own_way(head, pooling, expected):
    assert pooling_of(TrainConfig(head=head, pooling=pooling)) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "hinge", "label_smoothing": 0.1}, "--label-smoothing means nothing with --loss hinge"),
        ({"boxes": "none", "box_loss": "giou"}, "--box-loss means nothing with --boxes none"),
        ({"boxes": "none", "box_weight": 1.0}, "--box-weight means nothing with --boxes none"),
        (
            {"metadata": "none", "metadata_dropout": 0.5},
            "--metadata-dropout means nothing with --metadata none",
        ),
        ({"pseudo_share": 0.5}, "--pseudo-share means nothing without --pseudo"),
        ({"pseudo_confidence": 0.5}, "--pseudo-confidence means nothing without --pseudo"),
    ],
)
def test_an_option_without_the_one_that_it_belongs_to_is_refused(options, message):
    with pytest.raises(FishError, match=message):
        check_options(TrainConfig(**{"head": "gap", **options}))
