"""Files of tensors that anybody may have written, read without torch and without trust.

`torch.load(weights_only=True)` runs no code, but believes what a file declares: a record of 16
bytes read as a million numbers hands out the process's memory, and a deep tuple as a key ends the
process. So every size is compared with the bytes that are there before memory is taken, nothing
is imported or called, and whatever goes wrong is the file's fault, in words.
"""

from vsr_files import ForeignFileError
from vsr_files.tensors.description import Opaque, StoredTensor
from vsr_files.tensors.reading import Contents, read

__all__ = ["Contents", "ForeignFileError", "Opaque", "StoredTensor", "read"]
