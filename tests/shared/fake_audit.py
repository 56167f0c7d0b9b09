"""An audit.json with everything in it, drawn at random: many fields, long and nasty names, gaps."""

import io

import numpy as np

NASTY = "<script>alert(1)</script>"
LONG = "a_class_with_a_really_long_name_that_goes_on"
CLASSES = ["ALB", "YFT", "NoF", NASTY, "OTHER $x_1$ & more", "DOL", "LAG", LONG]
SIZES = [
    *("1280x720", "1280x750", "1192x670", "1280x974", "1334x750", "1244x700", "1276x718"),
    *("1518x854", "1732x974", "1280x924", "3264x2448", "640x480", "7 others"),
]
FIELDS = [
    ("size_key", "size", "file", "legitimate"),
    ("width", "size", "file", "legitimate"),
    ("height", "size", "file", "legitimate"),
    ("aspect", "size", "file", "legitimate"),
    ("megapixels", "size", "file", "legitimate"),
    ("n_bytes", "bytes", "file", "illegitimate"),
    ("bytes_per_pixel", "bytes", "file", "illegitimate"),
    ("container", "encoder", "file", "illegitimate"),
    ("jpeg_tables", "encoder", "file", "illegitimate"),
    ("jpeg_subsampling", "encoder", "file", "illegitimate"),
    ("mode", "channels", "file", "illegitimate"),
    ("is_grey", "channels", "file", "legitimate"),
    ("exif_make", "camera", "file", "legitimate"),
    ("exif_model", "camera", "file", "legitimate"),
    ("exif_orientation", "orientation", "file", "legitimate"),
    ("exif_time", "time", "file", "illegitimate"),
    ("file_number", "name", "file", "illegitimate"),
    ("folder_order", "name", "layout", "illegitimate"),
    ("name_prefix", "name", "layout", "illegitimate"),
    ("modified", "time", "layout", "illegitimate"),
    ("brightness", "light", "pixels", "legitimate"),
    ("a column of the users table with a very long heading", "contrast", "table", "legitimate"),
    ("<img src=x onerror=alert(2)>", "colour", "pixels", "legitimate"),
    ("blue_cast $\\frac{1}{2}$", "colour", "pixels", "legitimate"),
]


def rich_audit(n_permutations=999, grouped=True, seed=0):
    """The content of an audit.json of image files with groups, cached features, boxes and a test set."""
    rng = np.random.default_rng(seed)
    counts = _counts(rng)
    of_class = counts.sum(axis=0)
    return {
        "schema": 2,
        "fishcli": "0.1.0",
        "source": "data/train",
        "seed": 0,
        "n_folds": 5,
        "data": {
            "n_images": int(counts.sum()),
            "n_groups": 21 if grouped else None,
            "entropy_bits": 2.317,
            "constant_fields": ["is_upside_down"],
            "classes": [{"name": name, "n": int(n)} for name, n in zip(CLASSES, of_class, strict=True)],
        },
        "class_by_size": {"sizes": [*SIZES], "classes": [*CLASSES], "counts": counts.tolist()},
        "gains": _gains(grouped),
        "nulls": _nulls(rng, n_permutations, grouped),
        "per_field": [_field(rng, k, grouped) for k in range(len(FIELDS))],
        "seen": {
            "detectability": [_detectability(rng, k) for k in range(len(FIELDS))],
            "conditional_value": _conditional_values(grouped),
        },
        "class_maps": _class_maps(grouped),
        "background": _background(grouped),
        "twins": _twins(grouped),
        "worlds": [_world("test_stg1", 9), _world(NASTY, None)],
        "sentence": (
            "Metadata of the files tells 0.30 of 2.32 bits (13%) under random folds, p = 0.001; on unseen "
            "groups it tells nothing (-0.55)."
        ),
    }


def _class_maps(grouped):
    means = {"share": 0.133, "area": 0.103, "elsewhere": 0.109}
    by_class = [
        {"name": name, "n_images": 30 + k, **means} for k, name in enumerate(CLASSES) if name != "NoF"
    ]
    return {
        "run": NASTY,
        "method": "CAM",
        "folds": "grouped" if grouped else "random",
        "log_loss": 2.105,
        "prior_log_loss": 2.321,
        "n_images": 417,
        "n_without_mass": 3,
        **means,
        "low": 0.009,
        "high": 0.038,
        "by_class": [*by_class[:-1], {**by_class[-1], "elsewhere": None}],
    }


def _counts(rng):
    per_size = [2190, 598, 313, 198, 120, 99, 77, 61, 53, 29, 21, 11, 7]
    mix = rng.dirichlet([4.5, 1.9, 1.2, 0.8, 0.7, 0.5, 0.3, 0.4], size=len(SIZES))
    return np.stack([rng.multinomial(n, p) for n, p in zip(per_size, mix, strict=True)])


def _gains(grouped):
    told = [("file", 0.301, 0.02), ("layout", 1.82, 0.05), ("pixels", 0.44, 0.03)]
    rows = []
    for fields, bits, wide in told:
        for folds in ["random", "grouped"] if grouped else ["random"]:
            found = bits if folds == "random" else bits - 0.851
            spread = wide if folds == "random" else 10 * wide
            rows.append(
                {
                    "fields": fields,
                    "folds": folds,
                    "log_loss": 2.321 - found,
                    "prior_log_loss": 2.321,
                    "bits": found,
                    "bits_low": found - spread,
                    "bits_high": found + spread,
                    "share_of_prior": found / 2.321,
                    "accuracy": 0.521,
                    "majority": 0.455,
                    "macro_auc": 0.713,
                    "learners": {"logistic regression": found - 0.03, "gradient boosting": found - 0.01},
                    "interval": (
                        f"95%, bootstrap of {'images' if folds == 'random' else 'groups'} "
                        "(expanded percentile, Hesterberg 2015)"
                    ),
                }
            )
    return rows


def _nulls(rng, n_permutations, grouped):
    statistic = "share of the Brier score that a cross-fitted ridge regression explains"
    images = {
        "null": "images",
        "statistic": statistic,
        "observed": 0.141,
        "p_value": 1 / (1 + n_permutations),
        "smallest_p": 1 / (1 + n_permutations),
        "n_permutations": n_permutations,
        "untestable": "",
        "drawn": rng.normal(-0.004, 0.002, n_permutations).tolist(),
    }
    groups = {**images, "null": "groups", "observed": -0.03, "p_value": 0.312}
    groups["drawn"] = rng.normal(-0.05, 0.04, n_permutations).tolist()
    return [images, groups] if grouped else [images]


def _field(rng, k, grouped):
    name, family, section, tag = FIELDS[k]
    bits = 0.31 * 0.83**k - 0.012
    lost = bits - rng.gamma(1.2, 0.25)
    known = None if k == 11 else bits
    return {
        "field": name,
        "family": family,
        "section": section,
        "at_test_time": tag,
        "explanation": "Width and height of the upright photo together, as in 1280x720.",
        "random_bits": bits,
        "random_low": None if known is None else bits - 0.02,
        "random_high": None if known is None else bits + 0.02,
        "grouped_bits": lost if grouped else None,
        "grouped_low": lost - 0.2 if grouped else None,
        "grouped_high": lost + 0.2 if grouped else None,
        "bits_without_family": None if k in (20, 21) else max(0.0, bits - 0.05),
        "cramers_v": 0.5 * 0.8**k,
        "p_images": None if k == 11 else min(1.0, 0.001 * 1.4**k),
        "p_groups": min(1.0, 0.11 * 1.1**k) if grouped else None,
    }


def _detectability(rng, k):
    utility, share = 0.31 * 0.83**k - 0.012, None if k == 11 else rng.beta(2, 1.2) - 0.03
    return {
        "field": FIELDS[k][0],
        "bits": None if share is None else 2.1 * share,
        "share": share,
        "n_bins": 1 if share is None else 8,
        "utility_bits": utility,
        "product": None if share is None else max(utility, 0.0) * max(share, 0.0),
    }


def _conditional_values(grouped):
    found = {
        "folds": "random",
        "prior_log_loss": 2.321,
        "image_log_loss": 0.52,
        "both_log_loss": 0.511,
        "bits": 0.009,
        "bits_low": -0.004,
        "bits_high": 0.021,
        "n_repeats": 3,
        "interval": "95%, paired, bootstrap of groups (expanded percentile, Hesterberg 2015)",
    }
    unseen = {"folds": "grouped", "image_log_loss": 2.05, "both_log_loss": 2.31, "bits": -0.26}
    return [found, {**found, **unseen, "bits_low": -0.41, "bits_high": -0.1}] if grouped else [found]


def _background(grouped):
    kinds = ["random", "grouped"] if grouped else ["random"]
    told = {"photo": 1.81, "background": 1.02, "fish": 1.55, "boxes": 0.11}
    looks = []
    for kind in kinds:
        for look, bits in told.items():
            found = bits if kind == "random" else bits - 1.1
            ends = {"bits_low": found - 0.1, "bits_high": found + 0.1}
            share = {"share_of_prior": found / 2.3, "accuracy": 0.61, "prior_log_loss": 2.3}
            looks.append(
                {"look": look, "folds": kind, "log_loss": 2.3 - found, "bits": found, **ends, **share}
            )
    lead = {"bits": 0.53, "bits_low": 0.31, "bits_high": None}
    return {
        "n_images": 3282,
        "n_without_boxes": 465,
        "n_unreadable": 30,
        "n_classes": 7,
        "looks": looks,
        "fish_leads": [{"folds": kind, **lead} for kind in kinds],
        "interval": "95%, bootstrap of groups (expanded percentile, Hesterberg 2015)",
        "limits": "A painted box still shows where it is and how large.",
    }


def _world(split, n_groups):
    novelty = {
        "share": 0.412,
        "low": 0.29,
        "high": 0.55,
        "threshold": 3.1,
        "median_test_distance": 2.9,
        "interval": "95%, bootstrap of groups (expanded percentile, Hesterberg 2015)",
    }
    known = {"auc": 0.981, "low": 0.94, "high": 0.99, "same_world": [0.52, 0.61, 0.55]}
    unknown = {"auc": None, "low": None, "high": None, "same_world": []}
    return {
        "split": split,
        "n_train": 3777,
        "n_test": 1000,
        "n_train_groups": 21,
        "n_test_groups": n_groups,
        "tellings": [{"by": "file", **unknown}, {"by": "features", **known}],
        "novelty": novelty if n_groups else None,
        "no_novelty": "" if n_groups else "there are no features of both",
        "interval": "95%, bootstrap of each side's groups; the classifiers are not fitted again",
        "limits": [] if n_groups else ["No groups of test images are known, so each stands for itself."],
    }


def _twins(grouped):
    pair = {"first": "ALB/img_1.jpg", "second": "YFT/<i>.jpg", "first_class": "ALB", "hash_bits": 2}
    same, mixed, test = ({**pair, "second_class": name} for name in ("ALB", NASTY, None))
    return {
        "n_images": 3777,
        "n_pairs": 9120,
        "n_pairs_by_hash": 8050,
        "n_with_twin": 2011,
        "n_families": 320,
        "largest_family": 66,
        "n_pairs_across_folds": 7290,
        "n_twin_in_training": 1905,
        "n_pairs_across_groups": 310 if grouped else None,
        "n_pairs_of_two_classes": 41,
        "thresholds": {"hash_bits": 4, "cosine_distance": 0.03, "how": "Hash: up to 4 of 64 bits differ."},
        "examples": [same] * 12,
        "examples_of_two_classes": [mixed] * 3,
        "examples_across_groups": [same] if grouped else [],
        "test": {"n_images": 1000, "n_with_twin": 12, "n_pairs": 20, "examples": [test]},
        "cost": _twin_cost() if grouped else None,
        "cost_note": "" if grouped else "no class has 5 images of either kind",
    }


def _twin_cost():
    return {
        "n_with": 1890,
        "n_without": 1700,
        "classes": CLASSES[:5],
        "with_bits": 0.21,
        "without_bits": 0.74,
        "difference_bits": 0.53,
        "difference_low": 0.4,
        "difference_high": 0.66,
        "owed_bits": 0.28,
        "owed_low": None,
        "owed_high": None,
        "interval": "95%, cluster bootstrap (expanded percentile) of the linearised difference, groups drawn",
    }


def picture(pixels=None):
    """A PNG of `pixels` (height, width, 3) uint8, or of stripes."""
    from PIL import Image

    if pixels is None:
        pixels = np.zeros((700, 1200, 3), np.uint8)
        pixels[:, ::8] = [40, 120, 160]
    drawn = io.BytesIO()
    Image.fromarray(pixels).save(drawn, "PNG")
    return drawn.getvalue()
