"""Property tests may take their time: what is slow on a busy machine is not wrong."""

from hypothesis import settings

settings.register_profile("reprise", deadline=None)
settings.load_profile("reprise")
