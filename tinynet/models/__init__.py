"""The networks of the papers, each in a file that reads like its paper's section on the architecture; `catalogue.py`
has them all by name."""
from .alexnet import alexnet, alexnet_half, convert
from .catalogue import NETS, build
from .cifar import cifar_11pct, cifar_13pct, cifar_18pct, cifar_80sec, cifar_sample
from .googlenet import GoogLeNet, GoogLeNetLoss, googlenet
from .lenet5 import MAPLoss, lenet5
from .nin import nin_cifar, nin_small
from .pretrained import pretrained
from .resnet import resnet_cifar
from .torchvision import alexnet_torchvision, googlenet_torchvision, torchvision_names
from .vgg import start_from, vgg
from .zfnet import renormalise_filters, zfnet

__all__ = ["NETS", "GoogLeNet", "GoogLeNetLoss", "MAPLoss", "alexnet", "alexnet_half", "alexnet_torchvision", "build",
           "cifar_11pct", "cifar_13pct", "cifar_18pct", "cifar_80sec", "cifar_sample", "convert", "googlenet",
           "googlenet_torchvision", "lenet5", "nin_cifar", "nin_small", "pretrained", "renormalise_filters",
           "resnet_cifar", "start_from", "torchvision_names", "vgg", "zfnet"]
