package wire

import "sync/atomic"

// Note is what is kept of a Flow outside the process: where its chunk is. Two words, each written by single stores.
//
// How many bytes a flow holds is not in it: that is what was taken from its source less what was given to its sink, and the system knows
// both to the byte, whatever instant the process died at. See Truth.
type Note struct {
	chunk atomic.Uint64 // where the chunk is, and where in it the bytes end
	start atomic.Uint64 // which byte of the stream the chunk begins with
}

// ChunkSize is the size of a Chunk in bytes.
const ChunkSize = bufferSize

// Chunk is a user-space chunk of a flow, in memory that outlives the process.
type Chunk = buffer
