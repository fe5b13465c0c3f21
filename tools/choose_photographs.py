"""The 6,400 + 1,000 photographs of ten ImageNet classes that the results in examples/results were measured on, from
fast.ai's Imagenette (https://github.com/fastai/imagenette; its full size, or the one of 320 or 160 pixels):

    python tools/choose_photographs.py IMAGENETTE OUT

IMAGENETTE has train/ and val/, with a folder for each class. A photograph is looked for in both, since Imagenette was
dealt out to the two in another way once. photographs.txt, beside this script, lists them: a line for each half and
class. OUT gets train/ and val/ with copies of the files.

The results were measured on copies of 224 x 224 pixels. How these were scaled is not recorded, and neither is how the
7,400 were chosen of 13,394; so a result comes out close, not equal.
"""
from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

LIST = Path(__file__).with_name("photographs.txt")


def listed(path: Path = LIST) -> dict[str, list[str]]:
    """{"train/n01440764": names of files}. A number in the list is short for <class>_<number>.JPEG, one that begins
    with v for ILSVRC2012_val_<number>.JPEG, of eight digits."""
    found = {}
    for line in path.read_text("utf-8").splitlines():
        folder, *numbers = line.split()
        wnid = folder.partition("/")[2]
        found[folder] = [f"ILSVRC2012_val_{int(n[1:]):08}.JPEG" if n[0] == "v" else f"{wnid}_{n}.JPEG"
                         for n in numbers]
    return found


def choose(source: Path, out: Path, wanted: dict[str, list[str]]) -> list[str]:
    """Copy what is wanted from `source` to `out`; the names of those that are not there."""
    missing = []
    for folder, names in wanted.items():
        wnid = folder.partition("/")[2]
        (out / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            places = [source / half / wnid / name for half in ("train", "val")]
            there = next((place for place in places if place.is_file()), None)
            if there:
                shutil.copyfile(there, out / folder / name)
            else:
                missing.append(f"{wnid}/{name}")
    return missing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("imagenette", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    if not (args.imagenette / "train").is_dir():
        sys.exit(f"{args.imagenette}: expected a folder with train/ and val/, as Imagenette is unpacked")
    if args.out.exists():
        sys.exit(f"{args.out}: is there already; name a new folder")
    wanted = listed()
    missing = choose(args.imagenette, args.out, wanted)
    total = sum(map(len, wanted.values()))
    print(f"{args.out}: {total - len(missing):,} of {total:,} photographs")
    if missing:
        sys.exit(f"not found in {args.imagenette}: {', '.join(missing[:5])}" + (", ..." if len(missing) > 5 else ""))


if __name__ == "__main__":
    main()
