"""A server that speaks S3, with one bucket, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ports import free_port, wait_for

BUCKET = "s3://bucket"


@dataclass(frozen=True)
class Server:
    """What its clients are told, as options of object stores, and one that fills the bucket."""

    options: dict[str, str]
    client: Any

    def variables(self) -> dict[str, str]:
        """The options as variables of the environment."""
        return {name.upper(): value for name, value in self.options.items()}

    def upload(self, path: Path, key: str) -> None:
        """Put a file, or what is in a folder, into the bucket."""
        files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
        for file in files:
            name = f"{key}/{file.relative_to(path).as_posix()}" if path.is_dir() else key
            self.client.upload_file(str(file), "bucket", name)


@contextmanager
def running() -> Iterator[Server]:
    """Start the server; skip the test where what it needs is not installed."""
    pytest.importorskip("moto.server", reason="needs moto[server], the S3 server")
    boto3 = pytest.importorskip("boto3", reason="needs boto3, which fills the S3 server")
    port = free_port()
    options = {
        "aws_endpoint_url": f"http://127.0.0.1:{port}",
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
        "aws_region": "us-east-1",
        "aws_allow_http": "true",
    }
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=os.environ, **quiet) as server:
        try:
            wait_for(port)
            client = boto3.client(
                "s3",
                endpoint_url=options["aws_endpoint_url"],
                aws_access_key_id="key",
                aws_secret_access_key="secret",
                region_name="us-east-1",
            )
            client.create_bucket(Bucket="bucket")
            yield Server(options, client)
        finally:
            server.terminate()
