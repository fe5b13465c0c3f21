"""Validation and test photographs without folders, a third part of the data, and random halves of it."""
import shutil

import numpy as np
import pytest
from pictures import photographs

from tinynet.data import DataError, imagenet, imagenet_classes, imagenet_halves
from tinynet.data.photos.flat import numbers

pytest.importorskip("PIL.Image")

SIZE = 16
TRUTH = "ILSVRC2015_clsloc_validation_ground_truth.txt"
MAPPING = "n03 1 kit_fox\nn01 2 English setter\nn02 3 tench\n"             # not in the order of the folders' names


@pytest.fixture
def net(tmp_path):
    """train/ with folders; val/ with four photographs of known classes, and the two texts, as in 2015's kit."""
    root = tmp_path / "net"
    photographs(root / "train", {"n01": 3, "n02": 2, "n03": 4}, seed=1)
    photographs(tmp_path, {"val": 4}, seed=2)
    shutil.move(tmp_path / "val", root / "val")
    (root / "devkit" / "data").mkdir(parents=True)
    (root / "devkit" / "data" / TRUTH).write_text("2\n1\n1\n3\n")
    (root / "devkit" / "data" / "map_clsloc.txt").write_text(MAPPING)
    return root


def test_a_flat_validation_folder_with_its_ground_truth(net):
    (net / "val" / "readme.txt").touch()
    (net / "val" / ".hidden.png").touch()
    data = imagenet(net, SIZE)
    assert data.test.labels.tolist() == [0, 2, 2, 1] and data.classes == ("n01", "n02", "n03")
    assert data.test.images.shape == (4, SIZE, SIZE, 3) and len(data.train.labels) == 9
    for name in TRUTH, "map_clsloc.txt":
        shutil.move(net / "devkit" / "data" / name, net / name)
    assert imagenet(net, SIZE).test.labels.tolist() == [0, 2, 2, 1]


def test_the_squares_are_those_of_the_same_photographs_in_folders(net, tmp_path):
    flat = imagenet(net, SIZE).test
    for i, name in enumerate(("n01", "n03", "n03", "n02")):
        (tmp_path / "sorted" / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(net / "val" / f"{i:03}.png", tmp_path / "sorted" / name)
    shutil.rmtree(net / "val")
    shutil.move(tmp_path / "sorted", net / "val")
    sorted_ = imagenet(net, SIZE).test
    assert sorted_.labels.tolist() == [0, 1, 2, 2]
    assert np.array_equal(np.stack(list(sorted_.images)), np.stack([flat.images[i] for i in (0, 3, 1, 2)]))


def test_another_ground_truth_is_not_taken_for_the_old_one(net):
    imagenet(net, SIZE)
    (net / "devkit" / "data" / TRUTH).write_text("3\n2\n1\n2\n")
    assert imagenet(net, SIZE).test.labels.tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize("name, content, message", [
    (TRUTH, "2\n1\n1\n", "4 lines, one for each image in .*val, got 3"),
    (TRUTH, "2\n1\n4\n3\n", "one of the 3 in map_clsloc.txt, got '4' for image 3"),
    (TRUTH, "2\n-1\n1\n3\n", "got '-1' for image 2"),
    (TRUTH, "2\n\u0661\n1\n3\n", "got '\u0661' for image 2"),
    ("map_clsloc.txt", "n01 tench\n", "lines like 'n02119789 1 kit_fox', .* got 'n01 tench'"),
    ("map_clsloc.txt", MAPPING + "n04 3 x\n", "each number once, got 'n04 3 x'"),
    ("map_clsloc.txt", MAPPING + "n02 4 x\n", "each class and each number once, got 'n02 4 x'"),
    ("map_clsloc.txt", MAPPING.replace("n02", "n09"), "the 3 classes of the training set, got also n09, number 3"),
])
def test_wrong_texts(net, name, content, message):
    (net / "devkit" / "data" / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message) as error:
        imagenet(net, SIZE)
    assert str(net / "devkit" / "data") in str(error.value)
    assert not (net / ".tinynet-16").exists()                              # nothing was prepared before


def test_many_classes_are_read_at_once(tmp_path):
    (tmp_path / "map_clsloc.txt").write_text("".join(f"n{i} {i} x\n" for i in range(200_000)))
    assert len(numbers(tmp_path)) == 200_000                               # minutes, if each were compared with all


@pytest.mark.parametrize("name, message", [
    (TRUTH, r"one file \*validation_ground_truth.txt .*: the classes of the "
     "photographs in .*val, which has no folders, got none. Put it there"),
    ("map_clsloc.txt", "one file map_clsloc.txt in it, .*the numbers of the classes, got none")])
def test_missing_texts(net, name, message):
    (net / "devkit" / "data" / name).unlink()
    with pytest.raises(DataError, match=message):
        imagenet(net, SIZE)


def test_a_folder_without_images_is_not_flat(net):
    for path in (net / "val").iterdir():
        path.rename(path.with_suffix(".txt"))
    with pytest.raises(DataError, match="val: expected a folder with one folder of images for each class, got 4 files"):
        imagenet(net, SIZE)


def test_of_two_ground_truths_none_is_taken(net):
    (net / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n1\n1\n1\n")
    with pytest.raises(DataError, match="got .*ILSVRC2012_val.*, .*ILSVRC2015_clsloc_val"):
        imagenet(net, SIZE)


def test_a_third_part(net):
    photographs(net / "test", {"n02": 2, "n03": 1}, seed=3)
    data = imagenet(net, SIZE, test="test")
    assert data.test.labels.tolist() == [1, 1, 2]
    assert data.name == "net, 9 training and 3 test images of 16x16 from test/"
    with pytest.raises(ValueError, match="imagenet test: expected 'val' or 'test', a folder in .*net, got 'train'"):
        imagenet(net, SIZE, test="train")
    shutil.rmtree(net / "test")
    with pytest.raises(DataError, match="train/<class>/ and test/<class>/, got no test"):
        imagenet(net, SIZE, test="test")


def test_a_flat_test_folder(net):
    shutil.move(net / "val", net / "test")
    (net / "ILSVRC2010_test_ground_truth.txt").write_text("1\n1\n2\n2\n")
    assert imagenet(net, SIZE, test="test").test.labels.tolist() == [2, 2, 0, 0]


def test_test_images_alone_need_no_training_images(net):
    data = imagenet(net, SIZE, train=False)
    assert data.name == "net, 4 test images of 16x16" and data.classes == imagenet_classes(net) == ("n01", "n02", "n03")
    assert data.train.images.shape == (0, SIZE, SIZE, 3) and len(data.train.labels) == 0
    assert [path.name[:4] for path in (net / ".tinynet-16").iterdir()] == ["val-"]   # train/ was not prepared
    shutil.rmtree(net / "train")
    assert imagenet(net, SIZE, train=False).test.labels.tolist() == [0, 2, 2, 1]
    shutil.rmtree(net / "val")
    with pytest.raises(DataError, match="photographs val/<class>/, got no val. Name the folder that holds it"):
        imagenet(net, SIZE, train=False)


def test_random_halves(tmp_path):
    photographs(tmp_path / "fall", {"n01": 4, "n02": 6})
    data = imagenet_halves(tmp_path / "fall", seed=1, size=SIZE)
    for split in data:
        assert split.labels.tolist() == [0, 0, 1, 1, 1] and split.images.shape == (5, SIZE, SIZE, 3)
    assert data.name == "fall, halves of seed 1: 5 training and 5 test images of 16x16"
    assert data.classes == ("n01", "n02")
    both = np.concatenate([split.images[:].reshape(5, -1) for split in data])
    assert len(np.unique(both, axis=0)) == 10
    again, other = (imagenet_halves(tmp_path / "fall", seed, SIZE).train.images[:] for seed in (1, 2))
    assert np.array_equal(again, data.train.images[:]) and not np.array_equal(other, again)


def test_halves_say_what_was_left_out(tmp_path):
    photographs(tmp_path / "fall", {"n01": 4, "n02": 3})
    next((tmp_path / "fall" / "n01").iterdir()).write_bytes(b"spoiled")
    data = imagenet_halves(tmp_path / "fall", seed=1, size=SIZE, skip_unreadable=True)
    assert len(data.train.labels) + len(data.test.labels) == 6
    assert data.name.endswith(" test images of 16x16, without 1 unreadable files")
