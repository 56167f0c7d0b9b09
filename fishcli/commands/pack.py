"""`fishcli pack`: all that predicting needs, for a machine without network."""

import shlex
from typing import Any

from fishcli.basics.errors import FishError
from fishcli.basics.progress import say, warn
from fishcli.basics.tables import table_text
from fishcli.dataset.layout.images import load_tests_if_any
from fishcli.dataset.layout.samples import has_samples, load_samples
from fishcli.options.predict import PackConfig
from fishcli.options.views import parse_tta
from fishcli.runs.deciding import asked_metric, decision_of
from fishcli.runs.folders.picking import pick_run
from fishcli.runs.packing.files import check_free
from fishcli.runs.packing.forms import form_of
from fishcli.runs.packing.making import ToPack, make_pack
from fishcli.runs.packing.manifest import PackedForm
from fishcli.runs.predicting.blending import Blending, blend_runs
from fishcli.runs.predicting.views import tta_of
from fishcli.runs.run import Run
from fishcli.scoring.ensembling import Blend


def run(config: PackConfig) -> str:
    """Make the pack; returns its path, after the table of losses where runs are blended."""
    check_free(config.out)  # before anything is read
    parse_tta(config.tta)
    asked_metric(config.metric)
    if len(set(config.runs)) < len(config.runs):
        raise FishError("a run is named twice. Name different ones.")
    runs = {name: pick_run(config.models_dir, name) for name in config.runs}
    numbers = [tta_of(each, config.tta) for each in runs.values()]
    first, lines = runs[config.runs[0]], list[str]()
    how: dict[str, Any]
    if len(runs) == 1:
        if config.mean == "auto":
            raise FishError("--mean auto is of several runs. Pass arithmetic, geometric or vote.")
        how = {"blend": Blend("arithmetic", (1.0,), is_tagged=first.is_tagged), "mean": config.mean}
        how["decision"] = decision_of(first, numbers[0])
    else:
        if config.mean == "vote":
            raise FishError("--mean vote is of one run's folds. Pass arithmetic, geometric or auto.")
        blended = blend_runs(runs, numbers, Blending(config.blend, config.mean, config.metric))
        how = {"blend": blended.how, "mean": "arithmetic", "decision": blended.decision}
        lines = [table_text(blended.table), ""]
    wanted = ToPack(list(runs.values()), numbers, **how, form=_form(config, first))
    n_bytes = make_pack(config.out, config.stores_dir, wanted)
    say(f"{n_bytes / 1e6:,.1f} MB; predict with it: fishcli predict --pack {shlex.quote(str(config.out))}")
    return "\n".join([*lines, str(config.out)])


def _form(config: PackConfig, first: Run) -> PackedForm | None:
    """The form of the answers that the first sample wants; None where there is no sample that can be read."""
    class_names, is_tagged = first.class_names, first.is_tagged
    try:
        if not has_samples(config.data_dir, config.layout):
            return None
        tests = load_tests_if_any(config.data_dir, config.reading)
        return form_of(load_samples(config.data_dir, tests, class_names, config.layout, is_tagged)[0])
    except FishError as error:
        warn(f"the form of the answers is not packed: {error}")
        return None
