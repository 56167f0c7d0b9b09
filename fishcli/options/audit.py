"""What `fishcli audit-leakage` takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from fishcli.options.data import StoreConfig
from fishcli.options.features import Scheduler


@dataclass(frozen=True, kw_only=True)
class AuditConfig(StoreConfig):
    """Measure how well metadata alone predicts the label, in bits, and whether that is an accident."""

    fields: Annotated[
        str | None,
        Option(
            help="Fields, families or sections with commas between, as --list-fields names them.",
            show_default="all; the headline is of section file",
        ),
    ] = None
    list_fields: Annotated[bool, Option("--list-fields", help="Explain all fields, and stop.")] = False
    tags: Annotated[
        Path | None, Option(help="CSV with field,at_test_time (legitimate or illegitimate): what you say.")
    ] = None
    table: Annotated[
        Path | None,
        Option(help="Audit this CSV's columns in place of photos; --label-, --group-, --id-column are its."),
    ] = None
    groups: Annotated[
        str, Option(help="What must not straddle a fold: auto (groups.csv), none, size, or a CSV.")
    ] = "auto"
    features: Annotated[
        str | None,
        Option(
            help="The store whose features say what a model sees; none for no store.",
            show_default="the newest",
        ),
    ] = None
    run: Annotated[
        str | None,
        Option(help="RUN: how much of its class maps lies in the boxes.", show_default="none"),
    ] = None
    models_dir: Annotated[Path, Option(help="Of --run: the runs' folder.")] = Path("models")
    background: Annotated[
        bool,
        Option("--background", help="Paint fish over and see what the rest tells; needs boxes and features."),
    ] = False
    folds: Annotated[int | None, Option(help="Folds.", min=2, show_default="10; 5 from 20,000 rows")] = None
    permutations: Annotated[int, Option(help="Permutations for each p-value.", min=1)] = 999
    seed: Annotated[int, Option(help="Of folds and permutations.", min=0, max=1_000_000)] = 0
    scheduler: Scheduler = None
    out: Annotated[Path, Option(help="The folder for audit.json and audit.html.")] = Path("audit")
    fail_above_bits: Annotated[
        float | None, Option(help="Exit with 3 where the lower end of the interval passes so many bits.")
    ] = None
    on: Annotated[Literal["random", "grouped"], Option(help="The folds that --fail-above-bits is about.")] = (
        "random"
    )
    selftest: Annotated[
        bool, Option("--selftest", help="Try the audit on simulated data whose leak is known, and stop.")
    ] = False
    simulations: Annotated[int, Option(help="Of --selftest: data sets of each kind.", min=2)] = 20
