"""ZFNet's pictures from the command line: each is written, its numbers are right, and bad input is refused by name."""
from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from test_look import photographs, write, write_cifar

from tinynet.commands import look
from tinynet.commands.looks import asked, growth, hiding, top9
from tinynet.data import Split, View, cifar10_sample
from tinynet.files.writing import write_json
from tinynet.look.compare import WAYS
from tinynet.look.occlusion import average, occlusion
from tinynet.look.strongest import Strongest, strongest
from tinynet.models import build, pretrained
from tinynet.training.config import about_the_net
from tinynet.training.evaluate import load_net

SMALL = cifar10_sample()
SMALL = replace(SMALL, test=Split(SMALL.test.images[:12], SMALL.test.labels[:12]))


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the command; returns what it printed, and the names of the files it wrote."""
    monkeypatch.setattr(asked, "cifar10_sample", lambda: SMALL)
    monkeypatch.setattr(asked, "imagenet", lambda root, size, cache, skip: photographs(size))
    monkeypatch.setattr("os.fsync", lambda file: None)

    def run(*arguments):
        look.main([*map(str, arguments), "--out", str(tmp_path / "out")])
        return capsys.readouterr().out, sorted(path.name for path in (tmp_path / "out").iterdir())
    return run


def refused(run, capsys, *arguments):
    """What the command says before it ends with an error."""
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    return f"{end.value} {capsys.readouterr().err}"


@pytest.mark.parametrize("option, way", [("--deconv", "deconvnet"), ("--gradient", "gradient"), ("--guided", "guided"),
                                         ("--saliency", "gradient"), ("--ascent", "ascent")])
def test_each_way_down(run, option, way):
    printed, files = run("80sec", option, "--layer", "relu2", "--map", 3, 5, "--images", 2)
    assert files == [f"{way}.png"] and printed.startswith("the picture: ")


def test_by_default_some_layers_and_each_images_strongest_map(run, tmp_path):
    _, files = run("80sec", "--deconv", "--images", 2, 4)
    with Image.open(tmp_path / "out" / "deconvnet.png") as picture:
        assert files == ["deconvnet.png"] and picture.size[0] > 5 * 1.15 * 120          # the image, and four layers
    shapes = asked.layers_of(pretrained("80sec").net, None)
    assert shapes == {"relu1": (16, 16, 32), "relu2": (16, 16, 32), "relu3": (8, 8, 64), "relu4": (64,)}


def test_side_by_side(run):
    printed, files = run("80sec", "--compare", "--images", 2, 4, "--layer", "relu2")
    assert files == ["compare.png"] and "how alike the pictures of relu2 are, over 2 images" in printed
    lines = re.finditer(r"^  (.*?) +(-?\d\.\d\d) +-?\d\.\d\d$", printed, re.M)
    numbers = {line[1]: float(line[2]) for line in lines}
    assert len(numbers) == len(WAYS) + 6
    assert numbers["deconvnet and guided, trained"] > numbers["gradient, trained and random weights"]


def test_the_nine_strongest(run):
    printed, files = run("80sec", "--top9", "--layer", "relu1", "relu4", "--map", 1, 2)
    assert files == ["top9-relu1.png", "top9-relu4.png"] and printed.startswith("12 test images, ")
    _, files = run("80sec", "--top9", "--layer", "pool3", "--map", "all")
    assert "top9-pool3.png" in files


def test_two_columns_beside_random_weights(run, tmp_path):
    write(tmp_path / "run", "alexnet", 68, 64, width=0.05)
    printed, files = run(tmp_path / "run", "--compare", "--deconv", "--images", 2, 4, "--data", "x",
                         "--layer", "relu2.left")
    assert files == ["compare.png", "deconvnet.png"] and "of relu2.left are, over 2 images" in printed


def test_how_many_are_of_one_class():
    images = np.array([[0, 1, 2], [3, 4, -1], [0, 1, 2]])                               # the last is of a dead map
    found = Strongest(np.array([[3.0, 2, 1], [2, 1, -np.inf], [0, 0, 0]]), images, np.zeros((3, 3, 2), int))
    assert top9.mean_of_one_class(found, np.array([7, 7, 5, 1, 2])) == (2 + 1) / 2
    assert top9.mean_of_one_class(Strongest(*(part[2:] for part in found)), np.array([7, 7, 5])) == 0


def test_images_that_do_not_excite_a_map_are_not_among_its_nine(run, monkeypatch):
    trained, drawn, told = pretrained("80sec"), {}, []
    net, images, view = trained.net, SMALL.test.images, trained.view
    of_conv2 = strongest(net, images, ["conv2"], view.center, 9)["conv2"].values        # before the ReLU
    lower = of_conv2[:, :2].mean(axis=1)                                               # but for the strongest, all is 0
    net["conv2"].b.assign((net["conv2"].b.value - lower).astype(np.float32))
    monkeypatch.setattr(look, "net_of", lambda run, device: trained)
    monkeypatch.setattr(top9, "draw_strongest", lambda path, shown, *rest, **how: drawn.update(shown))
    monkeypatch.setattr(top9, "say", told.append)
    run("80sec", "--top9", "--layer", "relu2", "--map", "all")
    assert len(drawn) == 32 and {len(of_map) for of_map in drawn.values()} == {1}
    assert told[1] == "  relu2        1.0; 0 of its 32 maps are dead"


def test_hiding(run):
    printed, files = run("80sec", "--occlusion", "--images", 3, "--stride", 8)
    assert len(files) == 1 and re.fullmatch(r"occlusion-\w+-3\.png", files[0])
    found = re.search(r"probability of (\w+) (\d\.\d\d); at least (\d\.\d\d), .* of the 16 places", printed)
    assert found[1] == SMALL.classes[SMALL.test.labels[3]] and float(found[3]) <= float(found[2])
    printed, files = run("80sec", "--occlusion", "--average", 3, "--stride", 8, "--square", 5)
    assert "occlusion-average.png" in files and printed.startswith("over 3 test images that it recognises, ")
    trained, part = pretrained("80sec"), SMALL.test
    right = np.flatnonzero(trained.probabilities(part).argmax(axis=1) == part.labels)[:3]
    left = average([occlusion(trained.net, part.images[i], int(part.labels[i]), trained.view, 5, 8) for i in right])
    assert f"in the middle {left.mean[2, 2]:.2f} ± " in printed                        # around row 16, column 16
    assert f"in the corner {left.mean[1, 1]:.2f} ± " in printed                        # 8, 8; at 0, 0 it is cut off


def test_a_picture_of_ones_own(run, tmp_path):
    Image.fromarray(SMALL.test.images[3]).resize((90, 60)).save(tmp_path / "mine.png")
    printed, files = run("80sec", "--occlusion", "--stride", 16, "--images", tmp_path / "mine.png")
    assert files == ["occlusion-mine.png"] and printed.startswith("mine: probability of ")


def test_pictures_of_ones_own_need_no_data(run, tmp_path, monkeypatch):
    """Least of all a download of them."""
    write_cifar(tmp_path / "run", "80sec", "full")
    Image.fromarray(SMALL.test.images[3]).save(tmp_path / "mine.png")
    monkeypatch.setattr(asked, "cifar10", lambda root: pytest.fail(f"{root} was read"))
    for picture in ["--deconv"], ["--compare"], ["--occlusion", "--stride", 16]:
        run(tmp_path / "run", *picture, "--layer", "relu1", "--images", tmp_path / "mine.png")
    roots = []
    monkeypatch.setattr(asked, "cifar10", lambda root: roots.append(root) or SMALL)
    for more in ["--images", 3], [], ["--top9", "--images", tmp_path / "mine.png"]:
        run(tmp_path / "run", "--deconv", "--layer", "relu1", *more)
    assert roots == [None] * 3


@pytest.mark.parametrize("side, square, stride, places", [
    (32, 5, 8, (1, 2)), (32, 7, 1, (3, 16)), (224, 50, 8, (4, 14)), (32, 16, 15, (1, None)), (32, 16, 32, (1, None)),
    (32, 24, 16, (1, None)), (32, 32, 1, (16, None))])
def test_the_corner_and_the_middle(side, square, stride, places):
    rows = np.arange(0, side, stride)
    if None in places:
        with pytest.raises(ValueError, match=f"--average: .* square of {square} pixels .* middle of {side}, got "):
            hiding.corner_and_middle(side, square, stride)
    else:
        corner, middle = hiding.corner_and_middle(side, square, stride)
        assert (corner, middle) == places and rows[corner] >= square // 2 and (rows[:corner] < square // 2).all()


def test_an_average_needs_a_corner_and_a_middle(run, capsys):
    for square, stride in (16, 32), (24, 16):
        said = refused(run, capsys, "80sec", "--occlusion", "--average", 2, "--square", square, "--stride", stride)
        assert f"a square of {square} pixels lies in the corner and in the middle of 32, got {stride}" in said


def test_pictures_of_one_name_do_not_take_each_others_place(run, tmp_path):
    paths = [tmp_path / "a" / "mine.png", tmp_path / "a" / "mine.bmp", tmp_path / "b" / "other.png"]
    for i, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(SMALL.test.images[i]).save(path)
    printed, files = run("80sec", "--occlusion", "--stride", 16, "--images", *paths)
    assert len(files) == 3 and "occlusion-other.png" in files
    assert all(file in printed for file in files) and f"{paths[1]}: probability of " in printed


def test_names_that_are_one_name_of_a_file_are_told_apart():
    assert hiding.file_names(["my cat", "my-cat", "my:cat", "other", "my-cat-2"]) == [
        "my-cat", "my-cat-2", "my-cat-3", "other", "my-cat-2-2"]


@pytest.mark.parametrize("arguments, said", [
    ("--top9 --layer relu1 --images 1", "--images: not used, these pictures do not go by it"),
    ("--compare --layer relu1 relu2 --map 1 2 --images 0",
     "--compare shows one layer, the first that was named: relu1\n"
     "--compare shows one map, the first that was named: 1"),
    ("--occlusion --stride 16 --images 0 --layer relu1 relu3",
     "--occlusion goes by one layer, the first that was named: relu1"),
    ("--deconv --occlusion --stride 16 --images 0 --layer relu1 --map 2", "the picture:")])
def test_what_no_picture_goes_by_is_said(run, arguments, said):
    printed, _ = run("80sec", *arguments.split())
    assert printed.startswith(said)


@pytest.fixture
def grown(tmp_path):
    """A run of train-cifar10 with three epochs kept, one folder below; its kernels turn round after the first."""
    write_cifar(tmp_path / "run", "80sec", "sample")
    net, folder = load_net(tmp_path / "run").net, tmp_path / "run" / "80sec" / "checkpoints"
    folder.mkdir(parents=True)
    for epoch, factor in {1: -1, 2: 1, 4: 1}.items():
        net["conv2"].W.assign(factor * np.abs(net["conv2"].W.value))
        net.save(folder / f"epoch-{epoch:04}.npz")
    return tmp_path / "run"


def test_how_maps_grew(run, grown):
    printed, files = run(grown, "--evolution", "--layer", "relu1", "relu2")
    assert files == ["evolution.png", "settling.png"]
    assert re.search(r"conv1 +settled after epoch +1; likeness with the last: 1: 1.00, 2: 1.00$", printed, re.M)
    assert re.search(r"conv2 +settled after epoch +2; likeness with the last: 1: -1.00, 2: 1.00$", printed, re.M)
    assert "the strongest image of a map stays the same: relu1 100%, relu2 " in printed


def test_epochs_that_are_none_of_the_papers_are_told_too(run, grown):
    folder = grown / "80sec" / "checkpoints"
    for epoch, new in (1, 3), (2, 6), (4, 9):
        (folder / f"epoch-{epoch:04}.npz").rename(folder / f"epoch-{new:04}.npz")
    printed, _ = run(grown, "--evolution", "--layer", "relu2")
    told = r"conv2 +settled after epoch +6; likeness with the last: 3: -1.00, 6: 1.00, 9: 1.00$"
    assert re.search(told, printed, re.M)


def test_a_dead_map_has_no_strongest_image_that_stays():
    def at_an_epoch(*of_maps):                                                          # (value, image) of each
        values, images = zip(*of_maps, strict=True)
        return Strongest(np.array(values)[:, None], np.array(images)[:, None], np.zeros((len(images), 1, 2), int))

    first = at_an_epoch((1.0, 3), (2.0, 4), (0.0, 0), (1.0, 0))
    second = at_an_epoch((2.0, 3), (1.0, 5), (0.0, 0), (0.0, 0))
    assert growth.how_many_stay([first, second]) == "50%" and growth.how_many_stay([first, first]) == "100%"
    assert growth.how_many_stay([first, second, second]) == "75%"
    dead = at_an_epoch((0.0, 0))
    assert growth.how_many_stay([dead, dead]) == "all are dead"


def test_the_epochs_of_a_run(grown, tmp_path):
    assert growth.kept_in(grown) == growth.kept_in(grown / "80sec") == grown / "80sec"
    with pytest.raises(FileNotFoundError, match="--evolution needs .* has none: train with --keep-every 1"):
        growth.kept_in(tmp_path / "nothing")


@pytest.mark.parametrize("columns", [1, 2])
def test_first_layers_of_several_nets(run, tmp_path, columns):
    write(tmp_path / "run", "alexnet", 68, 64, width=0.05, columns=columns)
    write(tmp_path / "other", "zfnet", 68, 64, width=0.05)
    printed, files = run(tmp_path / "run", "--diagnosis", tmp_path / "other", "--data", "somewhere")
    assert files == ["diagnosis.png"]
    lines = printed.splitlines()
    assert [line.split("  ")[0] for line in lines[2:-1]] == (["run", "other"] if columns == 1 else
                                                             ["run left", "run right", "other"])
    assert re.search(r"other +0\.\d+ +0\.\d+ +0\.\d+ +\d+ of 4 +\d+ of 12( +\d+%){4}$", lines[-2])


def test_first_layers_of_layers_in_layers(run, tmp_path):
    """NiN's convolutions are called mlpconv1.conv and so on, which is no column."""
    write_cifar(tmp_path / "run", "nin", "sample")
    printed, files = run(tmp_path / "run", "--diagnosis")
    assert files == ["diagnosis.png"] and len(printed.splitlines()) == 4


def test_first_layers_of_nets_in_folders_of_one_name(run, tmp_path):
    for i, folder in enumerate(("a/run", "b/run", "c/other")):
        write(tmp_path / folder, "zfnet", 68, 64, width=0.05 * (i + 1))
    printed, _ = run(tmp_path / "a/run", "--diagnosis", tmp_path / "b/run", tmp_path / "c/other", "--data", "somewhere")
    rows = [line.split()[0] for line in printed.splitlines()[2:-1]]
    assert rows == [str(tmp_path / "a/run"), str(tmp_path / "b/run"), "other"]


def test_without_max_pooling_there_are_no_switches(run, tmp_path):
    net = build("cifar-resnet20", rng=np.random.default_rng(0))
    (tmp_path / "run").mkdir()
    net.save(tmp_path / "run" / "net.npz")
    write_json(tmp_path / "run" / "config.json", {"options": {"data": "sample"}} | about_the_net(
        "cifar-resnet20", {}, View(127.0), SMALL.classes))
    printed, _ = run(tmp_path / "run", "--deconv", "--images", 1, "--layer", "conv1", "--map", 0)
    assert printed.startswith("there is no max pooling up to conv1, so there are no switches")


@pytest.mark.parametrize("arguments, error", [
    (("--deconv", "--layer", "relu9"), "ValueError: --layer: the net has none called relu9; it has conv1, pool1, "),
    (("--top9", "--layer", "relu1", "--map", "3", "32"), "ValueError: --map: relu1 has the maps 0 to 31, not 32"),
    (("--deconv", "--map", "-1"), "--map: expected a whole number, 0 or more, got -1"),
    (("--deconv", "--map", "all"), "--map: all is for --top9, and stands alone"),
    (("--deconv", "--images", "12"), "ValueError: --images: there are the test images 0 to 11, not 12"),
    (("--deconv", "--images", "none.png"), "none.png"),
    (("--layer", "relu1"), "--layer: of which picture? Add --deconv"),
    (("--top9", "--stride", "3"), "--stride: it is of --occlusion"),
    (("--occlusion", "--average", "1"), "--average: expected a whole number, 2 or more, got 1"),
    (("--occlusion", "--square", "33"), "--square: expected one that fits into the 32x32 pixels "),
    (("--evolution",), "--evolution needs a run with the checkpoints of two epochs or more, 80sec has none"),
])
def test_what_is_refused(run, capsys, arguments, error):
    assert error in refused(run, capsys, "80sec", *arguments)


def test_data_that_is_missing_or_of_another_size(run, capsys, tmp_path, monkeypatch):
    write(tmp_path / "run", "alexnet", 44, 40, width=0.05)
    assert "need the data that the net was trained on; name it with --data" in refused(
        run, capsys, tmp_path / "run", "--deconv")
    assert "--top9 looks at the data that the net was trained on" in refused(run, capsys, tmp_path / "run", "--top9")
    monkeypatch.setattr(asked, "imagenet", lambda root, size, cache, skip: photographs(30))
    assert "View: expected images of shape (44, 44, 3)" in refused(
        run, capsys, tmp_path / "run", "--top9", "--data", "somewhere")


def test_one_image_only(run, monkeypatch):
    one = replace(SMALL, test=Split(SMALL.test.images[:1], SMALL.test.labels[:1]))
    monkeypatch.setattr(asked, "cifar10_sample", lambda: one)
    _, files = run("80sec", "--top9", "--layer", "relu2", "--map", 3)
    assert files == ["top9-relu2.png"]


def test_the_help_has_an_example_of_each(capsys):
    with pytest.raises(SystemExit):
        look.main(["--help"])
    text = capsys.readouterr().out
    for option in ("--deconv", "--saliency", "--guided", "--ascent", "--compare", "--top9", "--evolution",
                   "--occlusion", "--occlusion --average 100", "--diagnosis"):
        assert re.search(rf"^    python -m tinynet look (80sec|RUN) {option}\b", text, re.M), option
