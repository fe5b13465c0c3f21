"""Makes tinynet/models/trained/NAME, which `tinynet.models.pretrained(NAME)` reads, from the folder of a run:

    python -m tinynet train-cifar10 --net 80sec --data full --out runs/80sec
    python tools/make_pretrained.py runs/80sec 80sec
"""
from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from tinynet import count_parameters
from tinynet.data import cifar10_sample
from tinynet.files.writing import write_json
from tinynet.models.pretrained import FOLDER
from tinynet.training.config import about_the_net
from tinynet.training.evaluate import load_net
from tinynet.training.metrics import top_k_error
from tinynet.training.train import say

MOST_BYTES = 1_000_000  # of a net, in the package


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="the folder of a run of train-cifar10 --net ...")
    parser.add_argument("name", help="what the net is to be called")
    parser.add_argument("--out", default=FOLDER, help="the folder to write into (default: the package's)")
    args = parser.parse_args()
    trained, folder = load_net(args.run), Path(args.out) / args.name
    told = {name: trained.config[name] for name in ("data", "options") if name in trained.config}
    with TemporaryDirectory() as temporary:
        made = Path(temporary)
        trained.net.save(made / "net.npz")
        trained.view.save(made)
        write_json(made / "config.json", {**told, **about_the_net(
            trained.config["net"], trained.config["settings"], trained.view, trained.classes)})
        size = sum(file.stat().st_size for file in made.iterdir())
        if size > MOST_BYTES:
            raise SystemExit(f"{args.run}: its net has {size:,} bytes, at most {MOST_BYTES:,} may come with the "
                             f"package; {folder} stays as it is")
        shutil.copytree(made, folder, dirs_exist_ok=True)
    sample = cifar10_sample().test
    error = top_k_error(load_net(folder).probabilities(sample), sample.labels)
    say(f"{folder}: {count_parameters(trained.net):,} parameters, {size:,} bytes, {error:.1%} error on the "
        f"{len(sample.labels):,} test images of the bundled sample")


if __name__ == "__main__":
    main()
