"""SSD (Liu et al. 2016): objects by one convolutional network, over boxes that are known beforehand, its priors."""

from __future__ import annotations
