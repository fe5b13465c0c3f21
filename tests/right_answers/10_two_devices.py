"""Lesson 10: right answers in other styles, which its checkers must pass. Each name begins with its exercise."""
import numpy as np

from tinynet import pair, send

left, right = pair("simulated")


def exercise_1_by_the_four_axes(d_left, d_right, C):
    N, H, W, both = d_left.shape
    dx_left = d_left[:, :, :, :C] + send(d_right[:, :, :, :C], left)
    dx_right = d_right[:, :, :, C:both] + send(d_left[:, :, :, C:both], right)
    return [dx_left, dx_right]


def exercise_2_whole_images(parameters, bytes_per_image):
    return 4 * parameters // bytes_per_image


def exercise_2_rounded_up(parameters, bytes_per_image):
    return int(np.ceil(4 * parameters / bytes_per_image))


def exercise_2_step_by_step(parameters, bytes_per_image):
    copies, columns = 2 * 4 * np.float64(parameters), 2 * bytes_per_image
    return copies / columns


def exercise_3_with_block(W_left, W_right):
    KH, KW = W_left.shape[:2]
    above = np.zeros((KH, KW, W_left.shape[2], W_right.shape[3]))
    below = np.zeros((KH, KW, W_right.shape[2], W_left.shape[3]))
    return np.block([[W_left, above], [below, W_right]])
