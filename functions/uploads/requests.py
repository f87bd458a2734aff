"""What this surface's clients send as JSON."""

from pydantic import BaseModel, ConfigDict, Field


class NewUpload(BaseModel):
    """A file that shall be uploaded to the bucket: its name, and its size in bytes."""

    model_config = ConfigDict(strict=True)

    filename: str = Field(min_length=1, max_length=1000)
    size: int = Field(ge=1)
