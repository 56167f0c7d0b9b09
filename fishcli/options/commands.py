"""The commands: for each its config, and the module of fishcli.commands that runs it."""

from fishcli.options import (
    audit,
    augment,
    data,
    features,
    finetune,
    locate,
    predict,
    rehearse,
    seeing,
    setup,
    train,
)
from fishcli.options.places import Config

COMMANDS: dict[str, tuple[type[Config], str]] = {
    "demo": (data.DemoConfig, "demo"),
    "features": (features.FeaturesConfig, "features"),
    "locate": (locate.LocateConfig, "locate"),
    "train": (train.TrainConfig, "train"),
    "finetune": (finetune.FinetuneConfig, "finetune"),
    "compare": (train.CompareConfig, "compare"),
    "augment-search": (augment.AugmentSearchConfig, "augment_search"),
    "rehearse": (rehearse.RehearseConfig, "rehearse"),
    "predict": (predict.PredictConfig, "predict"),
    "ensemble": (predict.EnsembleConfig, "ensemble"),
    "pack": (predict.PackConfig, "pack"),
    "score": (predict.ScoreConfig, "score"),
    "audit-leakage": (audit.AuditConfig, "audit"),
    "groups": (data.GroupsConfig, "groups"),
    "heatmap": (seeing.HeatmapConfig, "heatmap"),
    "report": (seeing.ReportConfig, "report"),
    "doubts": (seeing.DoubtsConfig, "doubts"),
    "runs": (seeing.RunsConfig, "leaderboard"),
    "runs rm": (seeing.RemoveConfig, "remove_runs"),
    "runs note": (seeing.NoteConfig, "note_run"),
    "summary": (seeing.SummaryConfig, "summary"),
    "data": (data.PictureConfig, "data"),
    "init": (setup.InitConfig, "init"),
    "doctor": (setup.DoctorConfig, "doctor"),
}
WITHOUT_PROJECT = ("init", "doctor", "demo")
"""Commands that no project file speaks to: they make one, or look at what there is."""
