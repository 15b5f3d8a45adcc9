"""Data sets for tensorflow-datasets, built from local folders and read without TensorFlow.

Importing this package makes their names known to `tfds.builder` and `tfds.data_source`:

celeba         the official archive of aligned images and its partition
congress       portraits of members of the US Congress, one a person
face_folder    a folder of faces of your own, with split subfolders
"""

from smlnet_jax.data.builders.celeba import Celeba
from smlnet_jax.data.builders.congress import Congress
from smlnet_jax.data.builders.face_folder import FaceFolder

BUILDERS = {builder.name: builder for builder in (Celeba, Congress, FaceFolder)}
