"""What a trained net has learned. RUN is the folder of a run of train-imagenet, or of train-cifar10 --net ..., or
80sec, a net that comes with tinynet.

    python -m tinynet look RUN --data DATA        AlexNet's Figures 3 and 4, and section 6.1's search by short codes
    python -m tinynet look 80sec                  the same, at once: that net, and a sample of CIFAR-10

    python -m tinynet look 80sec --deconv                             from activations down to pixels: ZFNet, 2.1
    python -m tinynet look 80sec --deconv --layer relu3 --map 5 40    of two maps
    python -m tinynet look 80sec --saliency --images 3 17             the gradient (also --gradient), two test images
    python -m tinynet look 80sec --guided --images cat.jpg            guided back-propagation, of a picture of yours
    python -m tinynet look 80sec --ascent --layer relu4               images that excite a map more, step by step
    python -m tinynet look 80sec --compare --layer relu3              the four side by side, and with random weights
    python -m tinynet look 80sec --top9                               the nine images that excite a map most: Figure 2
    python -m tinynet look 80sec --top9 --layer relu2 --map all       of every map of a layer
    python -m tinynet look RUN --evolution                            how maps grew (--keep-every 1): Figure 4
    python -m tinynet look 80sec --occlusion --images 3               a grey square hides a part: Figure 6
    python -m tinynet look 80sec --occlusion --average 100            the mean over many images, with its error
    python -m tinynet look RUN --diagnosis OTHER --data DATA          first layers of several nets: Figure 5

DATA is what the net was trained on: photographs, or the folder of CIFAR-10. Everything is written into the folder of
the run, or --out. Without a picture's name:

    kernels.png        Figure 3: the kernels of the first convolution, a block for each column
    predictions.png    Figure 4, left: eight test images and what the net says
    neighbors.png      Figure 4, right: the training images nearest to them in the last hidden layer
    pixels.png         the nearest in their pixels instead

and printed, how colourful each column's kernels are, and how well and how fast binary codes find the nearest. What the
pictures tell: docs/looking-inside.md.
"""
from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .. import Device
from ..training.config import folder_name
from ..training.evaluate import Trained
from ..training.train import say
from .looks.asked import are_files, bundled, data_of, images_of, layers_of, maps_of, need, net_of
from .looks.first_layers import diagnose
from .looks.growth import evolution, kept_in
from .looks.hiding import hide, hide_in_many, sizes
from .looks.paper import figures_3_and_4
from .looks.projections import compare, control_of, down
from .looks.top9 import top9
from .options import CommandLine, a_folder, at_least, chosen_device, ends_in_a_line

# By which of --layer, --map and --images each picture goes.
GOES_BY = {"ways": ("layer", "map", "images"), "compare": ("layer", "map", "images"), "top9": ("layer", "map"),
           "evolution": ("layer", "map"), "occlusion": ("layer", "images"), "diagnosis": ()}


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse(arguments)
    with ends_in_a_line():
        draw_all(args)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = CommandLine("look", __doc__)
    add = parser.add_argument
    add("run", help="the folder of a run, or 80sec, which comes with tinynet")
    add("--data", help="the folder of photographs, or of CIFAR-10, that the net was trained on")
    add("--cache", help="the folder for the squares, as given to train-imagenet")
    add("--deconv", action="append_const", dest="ways", const="deconvnet", help="projections by the deconvnet")
    add("--saliency", "--gradient", action="append_const", dest="ways", const="gradient", help="by the gradient")
    add("--guided", action="append_const", dest="ways", const="guided", help="by guided back-propagation")
    add("--ascent", action="append_const", dest="ways", const="ascent", help="images by gradient ascent")
    add("--compare", action="store_true", help="these four side by side, and of random weights")
    add("--top9", action="store_true", help="the nine images that excite each map most")
    add("--evolution", action="store_true", help="the strongest activation of maps at several epochs")
    add("--occlusion", action="store_true", help="what the net says where a part of the image is hidden")
    add("--diagnosis", nargs="*", metavar="OTHER", help="the first layers of this net and of other runs")
    add("--layer", nargs="+", metavar="NAME", help="layers to look at (default: some after an activation)")
    add("--map", nargs="+", type=map_or_all, metavar="N", help="maps of each layer; all: of --top9")
    add("--images", nargs="+", metavar="IMAGE", help="numbers of test images, or picture files (default: 8 at random)")
    add("--square", type=at_least(1), help="side of the grey square, pixels (default: as 50 to 224)")
    add("--stride", type=at_least(1), help="pixels between its places (default: as 8 to 224)")
    add("--average", type=at_least(2), metavar="N", help="of --occlusion: only the mean over N test images, 2 or more")
    parser.add_device()
    add("--seed", type=at_least(0), default=0, help="which test images and maps are drawn")
    add("--out", type=a_folder, help="the folder to write to (default: RUN; runs/look-80sec)")
    args = parser.parse_args(arguments)
    if args.map and "all" in args.map and not (args.top9 and args.map == ["all"]):
        parser.error("--map: all is for --top9, and stands alone")
    for name in "square", "stride", "average":
        if getattr(args, name) and not args.occlusion:
            parser.error(f"--{name}: it is of --occlusion")
    for name in "layer", "map", "images":
        if getattr(args, name) and not asked_for(args):
            parser.error(f"--{name}: of which picture? Add --deconv, for example, or another that --help names")
    say_what_is_not_shown(args)
    return args


def say_what_is_not_shown(args: argparse.Namespace) -> None:
    """A line for layers, maps and images that were named, and that none of the pictures shows."""
    goes_by = {option for picture in asked_for(args) if not (picture == "occlusion" and args.average)
               for option in GOES_BY[picture]}
    for name in "layer", "map", "images":
        if getattr(args, name) and name not in goes_by:
            say(f"--{name}: not used, these pictures do not go by it")
    if args.compare and len(args.layer or ()) > 1:
        say(f"--compare shows one layer, the first that was named: {args.layer[0]}")
    if args.compare and len(args.map or ()) > 1:
        say(f"--compare shows one map, the first that was named: {args.map[0]}")
    if args.occlusion and not args.average and len(args.layer or ()) > 1:
        say(f"--occlusion goes by one layer, the first that was named: {args.layer[0]}")


def map_or_all(text: str) -> int | str:
    return text if text == "all" else at_least(0)(text)


def asked_for(args: argparse.Namespace) -> list[str]:
    """The pictures that were named; --diagnosis may be without another run."""
    return [picture for picture in GOES_BY if getattr(args, picture) not in (None, False)]


def draw_all(args: argparse.Namespace) -> None:
    device = chosen_device(args)
    trained = net_of(args.run, device)
    out = Path(args.out or (f"runs/look-{args.run}" if bundled(args.run) else args.run))
    if asked_for(args):
        return draw_those(args, trained, out, device)
    data = data_of(args, trained.config)
    out.mkdir(parents=True, exist_ok=True)
    figures_3_and_4(out, trained, data, args.seed)


def draw_those(args: argparse.Namespace, trained: Trained, out: Path, device: Device) -> None:
    """The pictures that were named; all that can be wrong is looked at first."""
    shapes = layers_of(trained.net, args.layer)
    every = args.map == ["all"]
    maps = maps_of(shapes, None if every else args.map)
    square, stride = sizes(trained, args.square, args.stride)
    kept = kept_in(args.run) if args.evolution else None
    called = names_of([args.run, *(args.diagnosis or ())])
    others = {called[run]: net_of(run, device) for run in args.diagnosis or ()}
    data = data_of(args, trained.config) if args.data or goes_by_data(args) else None
    chosen = images_of(args, trained, data) if args.ways or args.compare or args.occlusion else None
    out.mkdir(parents=True, exist_ok=True)
    layers, at = list(shapes), args.layer[0] if args.layer else last_of_maps(shapes)
    if args.ways:
        down(out, trained, chosen, args.ways, layers, maps)
    if args.compare:
        compare(out, trained, control_of(trained, device, args.seed), chosen, at, maps)
    if args.top9:
        top9(out, trained, need(data, "--top9"), shapes, maps, every, args.seed)
    if args.occlusion and args.average:
        hide_in_many(out, trained, need(data, "--average"), args.average, square, stride)
    elif args.occlusion:
        hide(out, trained, chosen, at, square, stride)
    if args.diagnosis is not None:
        diagnose(out, {called[args.run]: trained, **others}, need(data, "--diagnosis"))
    if args.evolution:
        evolution(out, kept, trained, need(data, "--evolution"), layers, maps, args.seed)


def goes_by_data(args: argparse.Namespace) -> bool:
    """Whether a picture that was named needs the data that the net was trained on: none of picture files does."""
    of_all = args.top9 or args.evolution or args.average or args.diagnosis is not None
    return bool(of_all) or not are_files(args.images)


def names_of(runs: Sequence[str]) -> dict[str, str]:
    """What each run is called: as its folder; where two folders have one name, as it was given."""
    counts = Counter(folder_name(run) for run in set(runs))
    return {run: folder_name(run) if counts[folder_name(run)] == 1 else run for run in runs}


def last_of_maps(shapes: dict[str, tuple[int, ...]]) -> str:
    """The last layer that gives maps; of a net without any, the first."""
    return [name for name, shape in shapes.items() if len(shape) == 3 or name == next(iter(shapes))][-1]
