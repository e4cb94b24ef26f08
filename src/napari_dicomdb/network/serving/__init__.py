"""The local database offered to other viewers by DICOMweb: QIDO-RS, WADO-RS, STOW-RS, WADO-URI."""

from napari_dicomdb.network.serving.server import Server
from napari_dicomdb.network.serving.settings import ServerSettings, new_token

__all__ = ["Server", "ServerSettings", "new_token"]
