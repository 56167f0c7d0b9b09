"""What an ONNX file says is read without an engine, and what is not to be trusted in it is refused."""

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx_graphs import (
    TensorProto,
    helper,
    onnx,
    weights,
    write_channels_last,
    write_convolutions,
    write_model,
    write_tokens,
)

from fishcli.basics.errors import FishError
from fishcli.features.backbones.onnx import data_files
from fishcli.features.backbones.onnx.frame import Graph, ImageInput
from fishcli.features.backbones.onnx.graph import read_graph
from fishcli.features.backbones.onnx.running import set_up


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def test_a_network_is_read_as_it_was_written(tmp_path):
    found = read_graph(write_convolutions(tmp_path / "net.onnx"))
    assert found.image == ImageInput("pixels", "float32", True, None, True)
    assert [node.operator for node in found.nodes[:4]] == ["Conv", "Conv", "Relu", "Add"]
    assert (found.nodes[0].kernel, found.nodes[0].strides) == ((3, 3), (2, 2))
    assert (set(found.nodes[3].inputs), found.nodes[3].outputs) == ({"two", "branch"}, ("sum",))
    assert (found.outputs, found.data_files) == (("vector",), ())


def test_inputs_are_known_by_their_channels_or_by_what_turns_them(tmp_path):
    assert read_graph(write_tokens(tmp_path / "a.onnx")).image.size == (32, 48)
    last = read_graph(write_channels_last(tmp_path / "b.onnx")).image
    assert (last.is_channels_first, last.size, last.is_batch_free) == (False, (32, 48), True)
    nothing_said = (None, None, None, None)
    assert read_graph(write_convolutions(tmp_path / "c.onnx", nothing_said)).image.is_channels_first
    turned = [helper.make_node("Transpose", ["pixels"], ["first"], perm=[0, 3, 1, 2])]
    path = write_model(tmp_path / "d.onnx", turned, [], list(nothing_said), ["first"])
    assert not read_graph(path).image.is_channels_first


@pytest.mark.parametrize(
    ("shape", "element", "reason"),
    [
        ((1, 3, 32), TensorProto.FLOAT, "is 1 x 3 x 32; expected an image of 3 channels"),
        ((1, 1, 32, 32), TensorProto.FLOAT, "is 1 x 1 x 32 x 32; expected an image of 3 channels"),
        ((8, 3, 32, 32), TensorProto.FLOAT, "takes 8 images at a time. Export it for one"),
        ((1, 3, 32, "w"), TensorProto.FLOAT, "one side of its input is fixed"),
        ((1, 3, 32, 32), TensorProto.INT64, "of ONNX's type 7; expected an image in float32"),
    ],
)
def test_an_input_that_is_no_image_is_refused(tmp_path, shape, element, reason):
    node = helper.make_node("Identity", ["pixels"], ["same"])
    path = write_model(tmp_path / "net.onnx", [node], [], list(shape), ["same"], element=element)
    with pytest.raises(FishError, match=reason):
        read_graph(path)


def test_several_inputs_are_refused_by_name(tmp_path):
    path = write_convolutions(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("text", TensorProto.INT64, [1, 7]))
    onnx.save(model, path)
    with pytest.raises(FishError, match=r"has 2 inputs \(pixels, text\)"):
        read_graph(path)


def test_weights_that_old_files_list_as_inputs_too_are_none(tmp_path):
    path = write_convolutions(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("w1", TensorProto.FLOAT, [4, 3, 3, 3]))
    onnx.save(model, path)
    assert read_graph(path).image.name == "pixels"


def with_data_at(path, location):
    """A network whose kernel says that its values lie at `location`."""
    write_convolutions(path)
    model = onnx.load(path)
    kernel = model.graph.initializer[0]
    kernel.ClearField("raw_data")
    kernel.data_location = TensorProto.EXTERNAL
    kernel.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    "location", ["../secret.bin", "/etc/hostname", "sub/../../secret.bin", "", "link.bin"]
)
def test_weights_outside_of_the_folder_are_refused(tmp_path, location):
    (tmp_path / "secret.bin").write_bytes(bytes(1000))
    folder = tmp_path / "net"
    path = with_data_at(folder / "net.onnx", location)
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(FishError, match="outside of its own folder, where nothing is read"):
        read_graph(path)


def test_the_same_goes_for_a_tensor_within_a_node(tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(1000))
    tensor = weights("", 3)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    nodes = [
        helper.make_node("Constant", [], ["constant"], value=tensor),
        helper.make_node("Mul", ["pixels", "constant"], ["product"]),
    ]
    path = write_model(tmp_path / "net" / "net.onnx", nodes, [], [1, 32, 32, 3], ["product"])
    with pytest.raises(FishError, match="outside of its own folder"):
        read_graph(path)


def test_weights_beside_the_file_are_its_own_and_missing_ones_are_named(tmp_path):
    path = write_convolutions(
        tmp_path / "net.onnx", save_as_external_data=True, location="net.bin", size_threshold=0
    )
    assert read_graph(path).data_files == (tmp_path / "net.bin",)
    (tmp_path / "net.bin").unlink()
    with pytest.raises(FishError, match="keeps weights in 'net.bin', which is not beside it"):
        read_graph(path)


def test_custom_operators_are_refused_wherever_they_are(tmp_path):
    custom = helper.make_node("Launch", ["pixels"], ["same"], domain="com.example")
    path = write_model(tmp_path / "a.onnx", [custom], [], [1, 3, 32, 32], ["same"], domains=["com.example"])
    with pytest.raises(FishError, match=r"custom operator, com\.example\.Launch"):
        read_graph(path)
    output = helper.make_tensor_value_info("same", TensorProto.FLOAT, None)
    branch = helper.make_graph([custom], "branch", [], [output])
    condition = helper.make_node("If", ["yes"], ["chosen"], then_branch=branch, else_branch=branch)
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    shape = [1, 3, 32, 32]
    path = write_model(tmp_path / "b.onnx", [condition], [yes], shape, ["chosen"], domains=["com.example"])
    with pytest.raises(FishError, match=r"custom operator, com\.example\.Launch"):
        read_graph(path)


def test_functions_that_the_file_itself_defines_are_no_custom_operators(tmp_path):
    twice = helper.make_function(
        "own",
        "Twice",
        ["x"],
        ["y"],
        [helper.make_node("Add", ["x", "x"], ["y"])],
        [helper.make_opsetid("", 17)],
    )
    node = helper.make_node("Twice", ["pixels"], ["doubled"], domain="own")
    options = {"functions": [twice], "domains": ["own"]}
    path = write_model(tmp_path / "net.onnx", [node], [], [1, 3, 32, 32], ["doubled"], **options)
    assert read_graph(path).outputs == ("doubled",)


def test_what_a_branch_takes_from_outside_is_an_input_of_its_node(tmp_path):
    output = helper.make_tensor_value_info("same", TensorProto.FLOAT, None)
    branch = helper.make_graph([helper.make_node("Relu", ["pixels"], ["same"])], "branch", [], [output])
    condition = helper.make_node("If", ["yes"], ["chosen"], then_branch=branch, else_branch=branch)
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    found = read_graph(write_model(tmp_path / "net.onnx", [condition], [yes], [1, 3, 32, 32], ["chosen"]))
    assert set(found.nodes[0].inputs) == {"pixels", "yes"}


@pytest.mark.parametrize(
    ("nodes", "results", "reason"),
    [
        ([("Relu", "nothing", "a")], ["a"], "Relu takes nothing, which nothing makes"),
        ([("Relu", "b", "a"), ("Relu", "pixels", "b")], ["a"], "Relu takes b, which nothing makes"),
        ([("Relu", "pixels", "a"), ("Relu", "pixels", "a")], ["a"], "a is made twice"),
        ([("Relu", "pixels", "a")], ["b"], "nothing makes its result b"),
        ([("Relu", "pixels", "a")], [], "without nodes or results"),
    ],
)
def test_a_graph_that_does_not_hold_together_is_refused(tmp_path, nodes, results, reason):
    made = [helper.make_node(operator, [taken], [name]) for operator, taken, name in nodes]
    path = write_model(tmp_path / "net.onnx", made, [], [1, 3, 32, 32], results)
    with pytest.raises(FishError, match=f"is no ONNX file, or is damaged .*{reason}"):
        read_graph(path)


@pytest.mark.parametrize(
    "content", [b"", b"no such thing", b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"]
)
def test_what_is_no_onnx_file_is_refused(tmp_path, content):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(FishError, match="is no ONNX file, or is damaged"):
        read_graph(path)


def test_files_of_more_than_onnx_or_memory_holds_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    with path.open("wb") as file:
        os.truncate(file.fileno(), 2**31 + 1)
    with pytest.raises(FishError, match="no ONNX file has more than 2"):
        read_graph(path)
    path.unlink()
    write_convolutions(path, save_as_external_data=True, location="net.bin", size_threshold=0)
    with monkeypatch.context() as patch:
        patch.setattr(data_files.os, "sysconf", lambda name: 10)
        with pytest.raises(FishError, match="GiB of weights, more than this machine's memory"):
            read_graph(path)


@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(write_tokens(folder / "net.onnx").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 260) | st.integers(len(content) - 120, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path = folder / "net.onnx"
    path.write_bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])
    try:
        assert isinstance(read_graph(path), Graph)
    except FishError as error:
        assert "net.onnx" in str(error)


def test_a_file_is_set_up_for_a_size_and_results_of_its_own(tmp_path):
    path = write_convolutions(tmp_path / "net.onnx")
    model = onnx.load_from_string(set_up(read_graph(path), (1, 3, 300, 48), ["sum", "one"]))
    assert [output.name for output in model.graph.output] == ["sum", "one"]
    sides = [side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim]
    assert sides == [1, 3, 300, 48]
    before = onnx.load(path).graph
    assert model.graph.node == before.node
    assert model.graph.initializer == before.initializer


@pytest.fixture
def without_onnx(monkeypatch):
    """Take the onnx package away."""

    def take():
        monkeypatch.setitem(sys.modules, "onnx", None)

    return take


def test_a_file_that_was_read_before_is_known_without_the_onnx_package(tmp_path, without_onnx):
    beside = {"save_as_external_data": True, "location": "net.bin", "size_threshold": 0}
    paths = [
        write_convolutions(tmp_path / "a.onnx", **beside),
        write_tokens(tmp_path / "b.onnx"),
        write_channels_last(tmp_path / "c.onnx"),
    ]
    read = [read_graph(path) for path in paths]
    without_onnx()
    assert [read_graph(path) for path in paths] == read
    os.utime(paths[1], (0, 0))
    with pytest.raises(FishError, match=r"the onnx package, .* Install it: pip install 'fishcli\[onnx\]'"):
        read_graph(paths[1])


def test_weights_that_left_the_folder_since_are_refused(tmp_path):
    beside = {"save_as_external_data": True, "location": "net.bin", "size_threshold": 0}
    path = write_convolutions(tmp_path / "net" / "net.onnx", **beside)
    read_graph(path)
    path.with_name("net.bin").rename(tmp_path / "net.bin")
    with pytest.raises(FishError, match="which is not beside it"):
        read_graph(path)
    path.with_name("net.bin").symlink_to(tmp_path / "net.bin")
    with pytest.raises(FishError, match="outside of its own folder"):
        read_graph(path)
