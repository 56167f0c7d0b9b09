"""A competition, as Python has it: each command is a method, which returns what the command made."""

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fishcli.basics.errors import FishError, choose
from fishcli.basics.progress import quietly
from fishcli.basics.remote import parse_path
from fishcli.library.calls import ask, config_of, refuse_text_only, tell
from fishcli.library.features import Features
from fishcli.library.pages import Audit, Comparison, Groups, Page, Picture
from fishcli.library.runs import Localiser, Prediction, Run
from fishcli.library.signatures import takes
from fishcli.options.command_lines import advised, asked_for
from fishcli.options.commands import COMMANDS
from fishcli.options.locate import LocateConfig

if TYPE_CHECKING:
    import pandas as pd

    Table = str | os.PathLike[str] | pd.DataFrame


class Competition:
    """A competition's folder, and where its features, runs and submissions lie.

    What is told here goes for all methods: folders, how the data is read, any option of any command. It goes
    before variables (FISHCLI_MODELS_DIR, ...), these before the fishcli.toml of the working folder or above,
    and that before the defaults. What a method is told goes before all.

    All methods raise FishError for what the user can mend, and name the command that mends it.
    """

    def __init__(
        self, data_dir: str | os.PathLike[str] | None = None, *, quiet: bool | None = None, **options: Any
    ) -> None:
        """Open a competition; nothing is read yet.

        Args:
            data_dir: its folder; None for what the project file says, else "data".
            quiet: leave progress out; warnings stay. None for what FISHCLI_QUIET says.
            options: what other methods take, such as models_dir, features_dir, submissions_dir, seed.

        Raises:
            FishError: an unknown option or a wrong value, with the nearest.
        """
        self._options = options if data_dir is None else {"data_dir": data_dir, **options}
        self._told = tell(self._options, quiet)

    def __repr__(self) -> str:
        """What it was told."""
        return f"Competition({', '.join(f'{name}={value!r}' for name, value in self._options.items())})"

    @classmethod
    def demo(
        cls,
        directory: str | os.PathLike[str] = "demo",
        *,
        images: int = 480,
        boats: int = 8,
        seed: int = 0,
        **options: Any,
    ) -> "Competition":
        """Draw a competition to learn on into a new folder, and open it with `options`."""
        made = cls(directory, **options)
        ask(made._told, "demo", {}, {"directory": directory, "images": images, "boats": boats, "seed": seed})
        return made

    def command(self, name: str, **options: Any) -> str:
        """Run any command of the command line; returns what that prints: `command("doctor")`."""
        return str(ask(self._told, choose(name, COMMANDS, "command"), options)[1])

    @takes("data")
    def data(self, **options: Any) -> Picture:
        """Picture the competition before any model: counts, sizes, boxes, broken files, contact sheets."""
        config, _ = ask(self._told, "data", options)
        return Picture(Page(config.out / "data.html"))

    @takes("groups")
    def groups(self, **options: Any) -> Groups:
        """Cluster the training images into cameras or sequences, to be looked over."""
        from fishcli.commands.groups import csv_of, sheets_of

        config, said = ask(self._told, "groups", options)
        path = csv_of(config)
        return Groups(path, sheets_of(path), said)

    @takes("audit-leakage")
    def audit_leakage(self, **options: Any) -> Audit:
        """Measure how well metadata alone predicts the label, in bits, and whether that is an accident.

        Raises:
            LimitError: more than `fail_above_bits`; all is written.
        """
        refuse_text_only("audit-leakage", options)
        config, _ = ask(self._told, "audit-leakage", options)
        return Audit(config.out)

    @takes("features", "backbone")
    def features(self, backbone: str | None = None, **options: Any) -> Features:
        """Compute frozen features of every image and view once: `features("fishnet", views=2)`.

        Of several layers ("A,B") it is the last one's; `command("features", ...)` returns all folders.
        """
        refuse_text_only("features", options)
        named = options if backbone is None else {"backbone": backbone, **options}
        return Features(parse_path(ask(self._told, "features", named)[1].splitlines()[-1]))

    @takes("locate")
    def locate(self, **options: Any) -> Localiser:
        """Find the fish in every photo: `features(crop=c.locate())` is of what was found."""
        config, _ = ask(self._told, "locate", options)
        return Localiser(self._told.also(config), config.models_dir / config.name)

    @takes("train")
    def train(self, **options: Any) -> Run:
        """Train K-fold heads on cached features: `train(head="linear", metadata="none")`."""
        return self._trained("train", options)

    @takes("finetune")
    def finetune(self, **options: Any) -> Run:
        """Train the backbone's own layers above a cut, from where a frozen head stands."""
        return self._trained("finetune", options)

    def _trained(self, command: str, options: dict[str, Any]) -> Run:
        config, said = ask(self._told, command, options)
        return Run(self._told.also(config), parse_path(said.splitlines()[-1]))

    @takes("compare")
    def compare(self, **options: Any) -> Comparison:
        """Train features x heads x metadata x boxes on the same folds: `compare(heads=["gap", "linear"])`."""
        config, said = ask(self._told, "compare", options)
        return Comparison(config.models_dir / config.name, said)

    @takes("augment-search")
    def augment_search(self, **options: Any) -> Path:
        """Find which augmented copies heads should draw from: `train(augment=c.augment_search())`."""
        config, _ = ask(self._told, "augment-search", options)
        return config.out

    @takes("rehearse")
    def rehearse(self, **options: Any) -> "pd.DataFrame":
        """Hold a third of the groups back, again and again: a row a split, promises and what came."""
        import pandas as pd

        config, _ = ask(self._told, "rehearse", options)
        return pd.read_csv(config.models_dir / config.name / "rehearsal.csv")

    @takes("predict")
    def predict(self, **options: Any) -> Prediction:
        """Predict with a run, or with the newest: `predict(run="gap", tta=8)`; or with a pack."""
        config = config_of(self._told, "predict", {k: v for k, v in options.items() if k != "quiet"}, {})
        if config.pack is not None:
            said = ask(self._told, "predict", options)[1]
            return Prediction([parse_path(line) for line in said.splitlines()], None, said)
        run = self._picked(config)
        return run.predict(
            **{name: each for name, each in options.items() if name not in ("run", "models_dir")}
        )

    @takes("ensemble", "runs")
    def ensemble(self, *runs: str | Run, **options: Any) -> Prediction:
        """Blend runs, by weights found on their out-of-fold predictions, into submissions."""
        said = ask(self._told, "ensemble", options, {"runs": list(runs)})[1]
        return Prediction([parse_path(line) for line in said.rpartition("\n\n")[2].splitlines()], None, said)

    @takes("pack", "runs")
    def pack(self, *runs: str | Run, **options: Any) -> Path:
        """Pack what predicting needs for a machine without network: `predict(pack=PATH)` takes it there."""
        return parse_path(ask(self._told, "pack", options, {"runs": list(runs)})[1].splitlines()[-1])

    @takes("score", "submissions", "solution")
    def score(
        self,
        submissions: "Prediction | Table | list[Table]",
        solution: "Table",
        **options: Any,
    ) -> "pd.DataFrame":
        """The metrics of submissions, offline; tables are joined by image id, as files are.

        Args:
            submissions: files or tables (`image`, and a column a class), or what `predict` returned.
            solution: a file or table of `image`, `class_name` and perhaps `stage` and `group`.
            options: of the command.

        Returns:
            `part`, `submission` where there are several, `images`, and the metrics beside the prior's.
        """
        listed = submissions.paths if isinstance(submissions, Prediction) else submissions
        listed = listed if isinstance(listed, list | tuple) else [listed]
        with tempfile.TemporaryDirectory(prefix="fishcli-") as folder:
            paths = [_as_file(each, Path(folder, f"table_{k}.csv")) for k, each in enumerate(listed, 1)]
            fixed = {"submissions": paths, "solution": _as_file(solution, Path(folder, "solution.csv"))}
            found: pd.DataFrame = ask(self._told, "score", options, fixed, part="scores")[1]
        return found

    @takes("runs")
    def runs(self, **options: Any) -> "pd.DataFrame":
        """All runs, best first: a row a run, with all that is known of it."""
        import pandas as pd

        refuse_text_only("runs", options)
        return pd.DataFrame(json.loads(ask(self._told, "runs", options, {"json": True})[1]))

    def run(self, name: str | None = None) -> Run:
        """An earlier run that classifies; None for the newest.

        Raises:
            FishError: there is none of that name, it is a localiser's, or it is not complete.
        """
        return self._picked(config_of(self._told, "report", {"run": name}, {}))

    def _picked(self, config: Any) -> Run:
        """The run that a command's config means."""
        from fishcli.runs.folders.picking import pick_run

        with quietly(self._told.quiet), asked_for(config):
            return Run(self._told.also(config), pick_run(config.models_dir, config.run).run_dir)

    def localiser(self, name: str = "locate") -> Localiser:
        """An earlier run of `locate`; FishError where there is none of that name, or it is not complete."""
        from fishcli.runs.folders.picking import pick_localiser

        config = config_of(self._told, "report", {"run": name}, {})
        with asked_for(config):
            found = pick_localiser(config.models_dir, name)
            if found is None:
                line = advised("locate", LocateConfig, name=name)
                raise FishError(f"{config.models_dir / name} is no localiser's run. Make one: {line}.")
        return Localiser(self._told, found.run_dir)

    def store(self, name: str | None = None) -> Features:
        """A feature store; None for the one used last. FishError: there is none."""
        from fishcli.features.store.picking import pick_store

        config = config_of(self._told, "report", {}, {})
        with quietly(self._told.quiet), asked_for(config):
            return Features(pick_store(config.stores_dir, name).store_dir)


def _as_file(table: "Table", path: Path) -> str | os.PathLike[str]:
    """A file of a table; a path stays what it is."""
    if isinstance(table, str | os.PathLike):
        return table
    table.to_csv(path, index=False)
    return path
