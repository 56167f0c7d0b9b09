"""A bucket on S3, served over HTTP on this machine. Skips where moto or s3fs is missing."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

moto_server = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")


@contextmanager
def served_bucket(name: str) -> Iterator[str]:
    """The URL of a new bucket; its server and credentials are in the environment, as users have them."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    names = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in names.items():
            patch.setenv(variable, value)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir(name)
        yield f"s3://{name}"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()
