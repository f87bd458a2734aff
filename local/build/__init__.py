"""`make build`: what `sam build` packs, staged with bytecode for the Python that runs it.

Lambda's file system is read-only, so without bytecode every cold start compiles every module. SAM's
own builders strip it, and have nothing to do here but copy.
"""
