"""MTCNN: Zhang et al., Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks, 2016."""

from __future__ import annotations
