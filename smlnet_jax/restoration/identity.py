"""Does a face still look like the same person? Embeddings by SFace, and their cosine.

Zhong, Deng, Hu, et al., "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition", TIP 2021.
"""

from __future__ import annotations

import threading

import numpy as np
from jaxtyping import Float

from smlnet_jax.restoration.align import crop, similarity
from smlnet_jax.restoration.bundled import SFACE, onnx_file, opencv, quiet

SAME_PERSON = 0.363  # cosine from which OpenCV takes two faces for one person (chosen on LFW)
INPUT_SIZE = 112
# Where ArcFace and its successors want the eyes, nose and mouth corners, in pixels of their 112x112 input.
INPUT_LANDMARKS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


class SFace:
    """Embeds faces; safe to share between threads."""

    def __init__(self) -> None:
        self._cv2 = opencv()
        with quiet(self._cv2):
            self._network = self._cv2.dnn.readNet(str(onnx_file(SFACE)))
        self._lock = threading.Lock()  # the network holds its input

    def embed(
        self, image: Float[np.ndarray, "h w 3"], landmarks: Float[np.ndarray, "5 2"]
    ) -> Float[np.ndarray, "features=128"]:
        """A vector of length 1 for the face with these landmarks (pixels); `image` is in [0, 1]."""
        aligned = crop(image, similarity(landmarks, INPUT_LANDMARKS), INPUT_SIZE)
        # RGB: BGR separates people worse.
        blob = np.ascontiguousarray((aligned * 255).transpose(2, 0, 1)[None])
        with self._lock:
            self._network.setInput(blob, "data")  # by name: the file lists its weights as inputs, too
            vector = self._network.forward().reshape(-1).astype(np.float32)
        return vector / max(float(np.linalg.norm(vector)), np.finfo(np.float32).tiny)

    def similarity(
        self,
        one: Float[np.ndarray, "h w 3"],
        other: Float[np.ndarray, "H W 3"],
        landmarks: Float[np.ndarray, "5 2"],
        other_landmarks: Float[np.ndarray, "5 2"] | None = None,
    ) -> float:
        """Cosine in [-1, 1] of two faces; of the same landmarks, unless the second has its own."""
        second = landmarks if other_landmarks is None else other_landmarks
        return float(np.clip(self.embed(one, landmarks) @ self.embed(other, second), -1, 1))
