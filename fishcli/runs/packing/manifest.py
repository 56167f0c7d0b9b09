"""What a pack holds, as its pack.json says."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from fishcli.dataset.layout.answers import Answer
from fishcli.features.store.recipe import Recipe
from fishcli.scoring.decisions import Decision
from fishcli.scoring.ensembling import Blend

FORMAT = 1
"""Of pack.json: another number is another layout of the pack, which is not guessed at."""
MANIFEST, REQUIREMENTS = "pack.json", "requirements.txt"


@dataclass(frozen=True)
class PackedStore:
    """How features are made.

    Attributes:
        recipe: of the features.
        weights: the file of the backbone's weights in the pack; "" where there are none.
        is_random: whether those were drawn.
        localiser: the localiser that says which part of a photo is meant; "" for whole photos.
    """

    recipe: Recipe
    weights: str
    is_random: bool
    localiser: str = ""


@dataclass(frozen=True)
class PackedLocaliser:
    """A localiser: its run's folder in the pack, and the store of the maps that it looks at."""

    run: str
    store: str


@dataclass(frozen=True)
class PackedMember:
    """A run.

    Attributes:
        runs: its folder in the pack; of several fold seeds those of all, which are averaged.
        stores: what its heads look at.
        n_views: how many views it averages.
    """

    runs: tuple[str, ...]
    stores: tuple[str, ...]
    n_views: int


@dataclass(frozen=True)
class PackedForm:
    """The form in which a sample submission wanted its answers, for where there is none.

    Attributes:
        columns: all columns.
        place: which of them names images.
        spelled: how: "path" under the test folder, "name" of the file, or its "stem".
        answer: what is wanted.
    """

    columns: tuple[str, ...]
    place: int
    spelled: str
    answer: Answer


@dataclass(frozen=True)
class Packed:
    """All that predicting needs.

    Attributes:
        class_names: in their order.
        n_train: images that were trained on.
        stores: by name.
        localisers: by name.
        members: the runs.
        blend: how their predictions become one.
        mean: how each one's folds are averaged.
        decision: how labels are decided.
        form: of the answers; None where the competition had no sample.
    """

    class_names: list[str]
    n_train: int
    stores: dict[str, PackedStore]
    localisers: dict[str, PackedLocaliser]
    members: list[PackedMember]
    blend: Blend
    mean: str
    decision: Decision
    form: PackedForm | None

    def to_json(self) -> dict[str, Any]:
        """As written into pack.json."""
        return {
            **dataclasses.asdict(self),
            "stores": {
                name: {**dataclasses.asdict(store), "recipe": store.recipe.to_json()}
                for name, store in self.stores.items()
            },
            "decision": self.decision.to_dict(),
        }

    @staticmethod
    def from_json(value: dict[str, Any], source: str) -> "Packed":
        """The reverse of `to_json`; FishError, KeyError, TypeError or ValueError where it is no pack's."""
        form = value["form"]
        found = Packed(
            class_names=[str(name) for name in value["class_names"]],
            n_train=int(value["n_train"]),
            stores={
                name: PackedStore(**{**store, "recipe": Recipe.from_json(store["recipe"], source)})
                for name, store in value["stores"].items()
            },
            localisers={name: PackedLocaliser(**each) for name, each in value["localisers"].items()},
            members=[
                PackedMember(
                    tuple(map(str, each["runs"])), tuple(map(str, each["stores"])), int(each["n_views"])
                )
                for each in value["members"]
            ],
            blend=Blend(
                str(value["blend"]["mean"]),
                tuple(map(float, value["blend"]["weights"])),
                float(value["blend"]["temperature"]),
                bool(value["blend"].get("is_tagged", False)),
            ),
            mean=str(value["mean"]),
            decision=Decision.from_dict(value["decision"]),
            form=None if form is None else _form_of(form),
        )
        if not all(each.runs and each.stores and each.n_views > 0 for each in found.members):
            raise ValueError("runs without folders, stores or views")
        if not found.members or len(found.blend.weights) != len(found.members):
            raise ValueError("as many weights as runs, one at least")
        wanted = {store for each in found.members for store in each.stores}
        wanted |= {each.store for each in found.localisers.values()}
        localisers = {store.localiser for store in found.stores.values()} - {""}
        if wanted != set(found.stores) or localisers != set(found.localisers):
            raise ValueError("its runs, stores and localisers are not one another's")
        return found


def _form_of(value: dict[str, Any]) -> PackedForm:
    answer = value["answer"]
    lists = {name: tuple(map(str, answer[name])) for name in ("columns", "classes")}
    return PackedForm(
        tuple(map(str, value["columns"])),
        int(value["place"]),
        str(value["spelled"]),
        Answer(**{**answer, **lists}),
    )
