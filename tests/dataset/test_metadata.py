import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from fishcli.basics.errors import FishError
from fishcli.dataset.metadata import (
    METADATA_KINDS,
    MIN_COUNT,
    MetadataEncoder,
    check_metadata,
    encoder_from_json,
    is_hardly_shared,
    log_sizes,
    size_keys,
)


def sized(*sizes):
    """A table of images of these (width, height)."""
    return pd.DataFrame(sizes, columns=["width", "height"])


COMMON = [(1280, 720)] * 6 + [(974, 518)] * 5
RARE = [(1192, 670)] * 4


def test_size_keys_are_width_by_height():
    assert size_keys(sized((1280, 720), (720, 1280))) == ["1280x720", "720x1280"]


def test_log_sizes():
    np.testing.assert_allclose(log_sizes(sized((200, 100)))[0], np.log([200, 100, 2]))


def test_sizes_become_columns_in_sorted_order():
    encoder = MetadataEncoder.fit("size", sized(*COMMON))
    assert encoder.vocabulary == ("1280x720", "974x518")
    encoded = encoder.encode(sized((974, 518), (1280, 720)))
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [[0, 1], [1, 0]]
    assert encoder.n_columns == 2


def test_rare_and_unseen_sizes_are_rows_of_zeros():
    encoder = MetadataEncoder.fit("size", sized(*COMMON, *RARE))
    assert encoder.vocabulary == ("1280x720", "974x518")
    assert encoder.encode(sized(RARE[0], (640, 480), (720, 1280))).tolist() == [[0, 0]] * 3


@pytest.mark.parametrize("kind", ["size", "size-numeric", "size-embedding", "size+size-numeric"])
def test_only_the_rows_given_are_learned(kind):
    training, val = sized(*COMMON), sized(*[(1920, 1080)] * 50)
    encoder = MetadataEncoder.fit(kind, training)
    before = encoder.encode(training)
    encoder.encode(val)
    np.testing.assert_array_equal(encoder.encode(training), before)
    assert encoder == MetadataEncoder.fit(kind, training)
    assert encoder != MetadataEncoder.fit(kind, pd.concat([training, val]))


def test_numbers_are_standardised():
    training = sized((1280, 720), (640, 480), (1334, 750), (974, 518))
    encoded = MetadataEncoder.fit("size-numeric", training).encode(training)
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(encoded.std(axis=0), 1, rtol=1e-5)
    assert encoded[1, 0] == encoded[:, 0].min()


def test_numbers_are_clipped_at_five_deviations():
    encoder = MetadataEncoder.fit("size-numeric", sized((1000, 700), (1001, 701), (1002, 699)))
    assert encoder.encode(sized((10, 20_000))).tolist() == [[-5, 5, -5]]


def test_a_constant_column_has_scale_one():
    encoder = MetadataEncoder.fit("size-numeric", sized(*[(1280, 720)] * 7))
    assert encoder.scale == (1.0, 1.0, 1.0)
    np.testing.assert_allclose(encoder.encode(sized((1280, 720))), 0, atol=1e-6)
    np.testing.assert_allclose(encoder.encode(sized((2560, 720))), [[np.log(2), 0, np.log(2)]], atol=1e-6)


def test_a_constant_aspect_of_different_sizes_has_scale_one():
    encoder = MetadataEncoder.fit("size-numeric", sized((320, 180), (1440, 810)))
    assert encoder.scale[2] == 1.0
    assert abs(encoder.encode(sized((1300, 720)))[0, 2]) < 0.1


def test_none_has_no_columns():
    encoder = MetadataEncoder.fit("none", sized(*COMMON))
    assert encoder.n_columns == 0
    assert encoder.encode(sized(*COMMON)).shape == (11, 0)


def test_another_kind_is_refused_with_a_hint():
    with pytest.raises(FishError, match="unknown metadata 'sise'. Did you mean 'size'?"):
        MetadataEncoder.fit("sise", sized(*COMMON))
    with pytest.raises(FishError, match="none can't be joined with others"):
        MetadataEncoder.fit("none+size", sized(*COMMON))


@pytest.mark.parametrize(
    ("metadata", "kinds"),
    [
        ("none", []),
        ("size", ["size"]),
        ("size-numeric+size", ["size", "size-numeric"]),
        ("size+size", ["size"]),
        ("size-numeric+size+size-embedding", ["size-embedding", "size", "size-numeric"]),
    ],
)
def test_kinds_are_joined_in_an_order_of_their_own(metadata, kinds):
    assert check_metadata(metadata) == kinds


def test_an_embedding_takes_the_one_hot_of_sizes():
    training = sized(*COMMON, *RARE)
    encoder = MetadataEncoder.fit("size-embedding", training)
    assert encoder.n_embedded == encoder.n_columns == 2
    one_hot = MetadataEncoder.fit("size", training)
    assert one_hot.n_embedded == 0
    np.testing.assert_array_equal(encoder.encode(training), one_hot.encode(training))


@pytest.mark.parametrize("joined", ["size+size-numeric", "size-numeric+size+size-embedding"])
def test_joined_kinds_stand_side_by_side_those_to_embed_first(joined):
    training = sized(*COMMON, *RARE, (640, 480))
    encoder = MetadataEncoder.fit(joined, training)
    kinds = [kind for kind in METADATA_KINDS if kind in joined.split("+")]
    parts = [MetadataEncoder.fit(kind, training).encode(training) for kind in kinds]
    np.testing.assert_array_equal(encoder.encode(training), np.hstack(parts))
    assert encoder.n_columns == sum(part.shape[1] for part in parts)
    assert encoder.n_embedded == (2 if "size-embedding" in kinds else 0)
    assert encoder.encode(training).dtype == np.float32


def test_the_order_in_which_kinds_are_said_does_not_matter():
    training = sized(*COMMON, (640, 480))
    one, other = (MetadataEncoder.fit(kind, training) for kind in ("size-numeric+size", "size+size-numeric"))
    np.testing.assert_array_equal(one.encode(training), other.encode(training))


def test_an_unknown_size_is_zeros_wherever_it_is_not_measured():
    encoder = MetadataEncoder.fit("size-embedding+size+size-numeric", sized(*COMMON, *RARE))
    encoded = encoder.encode(sized((640, 480), RARE[0]))
    np.testing.assert_array_equal(encoded[:, :4], 0)
    assert (encoded[:, 4:] != 0).all()


def test_without_a_common_size_there_is_nothing_to_embed():
    encoder = MetadataEncoder.fit("size-embedding", sized(*RARE))
    assert (encoder.n_embedded, encoder.n_columns) == (0, 0)
    assert encoder.encode(sized(*RARE)).shape == (4, 0)


@pytest.mark.parametrize("kind", ["size", "size-embedding", "size-numeric", "size+size-numeric"])
@pytest.mark.parametrize("column", ["height", "width"])
def test_a_missing_column_is_the_callers_bug(kind, column):
    encoder = MetadataEncoder.fit(kind, sized(*COMMON))
    with pytest.raises(ValueError, match=rf"metadata needs the columns \['{column}'\] of the images"):
        encoder.encode(sized(*COMMON).drop(columns=column))


def test_without_metadata_no_column_is_missing():
    assert MetadataEncoder.fit("none", sized(*COMMON)).encode(pd.DataFrame(index=range(3))).shape == (3, 0)


def test_sizes_that_each_image_has_alone_are_hardly_shared():
    own = [(width, 100) for width in range(1, 13)]
    assert is_hardly_shared(sized(*own))
    assert is_hardly_shared(sized(*COMMON, *own))
    assert not is_hardly_shared(sized(*COMMON, *own[:11]))
    assert is_hardly_shared(sized(*RARE))


def found(*sureness):
    return sized(*[(1280, 720)] * len(sureness)).assign(sureness=np.array(sureness, float))


def test_sureness_is_a_scaled_logit_of_the_training_rows():
    training = found(0.5, 0.9, 0.1, 0.8, 0.2)
    encoder = MetadataEncoder.fit("detection", training)
    encoded = encoder.encode(training)
    assert encoded.shape == (5, encoder.n_columns) == (5, 1)
    np.testing.assert_allclose([encoded.mean(), encoded.std()], [0, 1], atol=1e-6)
    assert (np.diff(encoded[np.argsort(training["sureness"]), 0]) > 0).all()
    before = encoder.encode(found(0.3, 0.7))
    np.testing.assert_array_equal(encoder.encode(found(0.3, 0.999))[0], before[0])


def test_nothing_found_has_a_flag_and_a_sureness_of_zero():
    encoder = MetadataEncoder.fit("detection", found(*[0.2, 0.6] * 4, *[np.nan] * MIN_COUNT))
    assert encoder.n_columns == 2
    encoded = encoder.encode(found(np.nan, 0.2))
    assert encoded[0].tolist() == [0, 1]
    assert encoded[1, 0] < 0 and encoded[1, 1] == 0


def test_a_flag_that_hardly_any_training_row_has_is_left_out():
    encoder = MetadataEncoder.fit("detection", found(*[0.2, 0.6] * 4, *[np.nan] * (MIN_COUNT - 1)))
    assert encoder.encode(found(np.nan)).tolist() == [[0]]


@pytest.mark.parametrize("sureness", [[np.nan] * 6, [0.5] * 6, [0.0, 1.0] * 3])
def test_sureness_that_tells_nothing_or_is_at_an_end_gives_finite_numbers(sureness):
    encoder = MetadataEncoder.fit("detection", found(*sureness))
    assert np.isfinite(encoder.encode(found(0.0, 1.0, np.nan, 0.5))).all()
    assert np.abs(encoder.encode(found(0.0, 1.0))).max() <= 5


def test_sureness_comes_behind_the_size_and_needs_its_column():
    training = found(*np.linspace(0.1, 0.9, 6))
    both = MetadataEncoder.fit("detection+size", training)
    parts = [MetadataEncoder.fit(kind, training).encode(training) for kind in ("size", "detection")]
    np.testing.assert_array_equal(both.encode(training), np.hstack(parts))
    with pytest.raises(ValueError, match="sureness"):
        both.encode(training.drop(columns="sureness"))


def test_encoders_come_back_from_json_those_of_before_detection_too():
    training = found(*np.linspace(0.1, 0.9, 6), *[np.nan] * 6)
    encoder = MetadataEncoder.fit("size+size-numeric+detection", training)
    assert encoder_from_json(json.loads(json.dumps(dataclasses.asdict(encoder)))) == encoder
    old = {"kind": "size", "vocabulary": ["1280x720"], "mean": [], "scale": []}
    assert encoder_from_json(old) == MetadataEncoder("size", vocabulary=("1280x720",))
