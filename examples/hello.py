"""A net that reads digits, from nothing to a picture of its answers: a few seconds.

    python examples/hello.py
"""
import numpy as np
from PIL import Image

from tinynet import SGD, Flatten, Linear, ReLU, Sequential, SoftmaxCrossEntropy, fan_in
from tinynet.data import batches, mnist_sample

rng = np.random.default_rng(0)
(images, labels), (test_images, test_labels) = mnist_sample()          # (2000, 28, 28, 1), and 500 to test it
net = Sequential(flat=Flatten(), fc1=Linear(784, 100, rng=rng, weight_init=fan_in()), relu1=ReLU(),
                 fc2=Linear(100, 10, rng=rng, weight_init=fan_in()))
print(net)
loss, sgd = SoftmaxCrossEntropy(), SGD(net.parameters(), lr=0.02)
for _ in range(10):
    for x, y in batches(images / np.float32(255), labels, 50, rng):
        loss(net(x, train=True), y)                                    # forward
        net.backward(loss.backward())                                  # backward
        sgd.step()                                                     # one step downhill
answers = net.predict(test_images / np.float32(255)).argmax(axis=1)
print(f"{(answers != test_labels).sum()} of {len(test_labels)} digits wrong")
wrong = np.argsort(answers == test_labels, kind="stable")[:40]         # the mistakes first
rows = [np.hstack([test_images[i, :, :, 0] for i in wrong[k:k + 10]]) for k in range(0, 40, 10)]
Image.fromarray(255 - np.vstack(rows)).resize((1120, 448), 0).save("hello.png")
print("hello.png shows forty, the mistakes first; the net reads them as\n" + "\n".join(
    " ".join(map(str, answers[wrong[k:k + 10]])) for k in range(0, 40, 10)))
