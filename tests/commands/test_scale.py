"""`python -m tinynet scale`: a table and a picture."""
import matplotlib.image
import pytest

from tinynet import summary
from tinynet.commands.scale import main
from tinynet.init import zeros
from tinynet.models import build


def test_the_table_and_the_picture(tmp_path, capsys):
    picture = tmp_path / "new/scale.png"
    main(["alexnet", "--machines", "4", "1", "2", "--out", str(picture), "--seconds", "1"])
    first, head, *rows = capsys.readouterr().out.splitlines()
    assert first.startswith("alexnet: 243.9 MB of gradients; 30 µs, 1.25 GB/s; 128 images take a machine 1,000.0 ms")
    assert head.split() == ["machines", "ring", "tree", "one", "weird", "trick"]
    assert [row.split()[0] for row in rows[:3]] == ["1", "2", "4"] and rows[0].count("1.0 times") == 3
    assert "ring: pays for all of these" in rows
    assert any(row.startswith("two machines as two columns: ") for row in rows)
    assert matplotlib.image.imread(picture).std() > 0.02


def test_no_number_of_machines_that_pays(tmp_path, capsys):
    main(["lenet5", "--total", "7", "--machines", "3", "7", "--out", str(tmp_path / "a.png")])
    assert "ring: pays for none of these; then machines wait for more" in capsys.readouterr().out


def test_the_images_of_a_step_can_be_shared(tmp_path, capsys):
    main(["lenet5", "--total", "64", "--machines", "1", "64", "--out", str(tmp_path / "a.png"), "--latency", "1000"])
    printed = capsys.readouterr().out
    assert "ring: pays up to 1 of these; then machines wait for more than half of their time" in printed
    assert "columns" not in printed


def test_shared_images_and_nothing_to_send_are_as_many_times_as_fast(tmp_path, capsys):
    main(["lenet5", "--total", "64", "--machines", "1", "2", "--latency", "1e-9", "--bandwidth", "1e9",
          "--out", str(tmp_path / "a.png")])
    row = next(line for line in capsys.readouterr().out.splitlines() if line.split()[0] == "2")
    assert row.count("2.0 times") == 3


def test_two_columns_share_the_images_of_one_machine(tmp_path, capsys):
    def columns(*images):
        main(["alexnet", *images, "--machines", "1", "--out", str(tmp_path / "a.png")])
        return next(line for line in capsys.readouterr().out.splitlines() if "as two columns" in line)
    assert columns("--total", "1024") == columns("--batch", "1024") != columns("--batch", "128")


def test_a_machines_time_is_that_of_three_products_of_two_operations(tmp_path, capsys):
    main(["alexnet", "--machines", "1", "--out", str(tmp_path / "a.png")])
    milliseconds = float(capsys.readouterr().out.split("take a machine ")[1].split(" ms")[0].replace(",", ""))
    products = sum(row.multiply_adds for row in summary(build("alexnet", rng=zeros()), show=False))
    assert milliseconds == pytest.approx(1e3 * 3 * 2 * products * 128 / 300e9, rel=1e-3)    # 300 a nanosecond


def test_the_heads_of_googlenet_are_summed_too(tmp_path, capsys):
    main(["googlenet", "--machines", "1", "--out", str(tmp_path / "a.png")])
    assert capsys.readouterr().out.startswith("googlenet: 53.5 MB of gradients; ")    # of 13,378,280 parameters


@pytest.mark.parametrize("arguments, message", [
    (["alexnet", "--machines", "0"], "expected a whole number, 1 or more, got 0"),
    (["alexnet", "--bandwidth", "0"], "expected a number above 0, got 0"),
    (["alexnet", "--total", "8", "--machines", "16"], "--machines: 16 of them cannot share --total 8 images"),
    (["nothing"], "invalid choice: 'nothing'"),
    (["alexnet", "--batch", "8", "--total", "8"], "not allowed with argument"),
])
def test_what_cannot_be_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err
