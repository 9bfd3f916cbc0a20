"""What training minimises and validation measures."""

from vsr_losses.hybrid import HybridLoss, LossTerms
from vsr_losses.metrics import luma, psnr, sharpness, ssim
from vsr_losses.perceptual import PerceptualLoss
from vsr_losses.vgg import VGG16, PerceptualWeightsError, export_vgg16, load_vgg16

__all__ = [
    "VGG16",
    "HybridLoss",
    "LossTerms",
    "PerceptualLoss",
    "PerceptualWeightsError",
    "export_vgg16",
    "load_vgg16",
    "luma",
    "psnr",
    "sharpness",
    "ssim",
]
