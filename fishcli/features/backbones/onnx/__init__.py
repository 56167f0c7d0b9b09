"""Backbones that are ONNX files: read as data, cut at any tensor, computed by OpenVINO or ONNX Runtime."""
