package wire

const (
	// bufferSize is what one read asks for: small traffic fits in, and a read that fills it is a sign of bulk.
	bufferSize = 16 << 10
	// buffersKept bounds the buffers that a loop keeps for later: as many as one turn can use.
	buffersKept = 64
	// pipeSize is the room of a kernel pipe, the most that an unprivileged process may ask for. Bulk through 64 KiB pipes costs twice the
	// CPU time, through 256 KiB pipes half as much again (make bench WORK=bulk).
	pipeSize = 1 << 20
	// chunkMost is how many bytes put an end to the filling of a pipe; a chunk is at most pipeSize longer.
	chunkMost = 3 << 20
	// pipesKept bounds the empty pipes that a loop keeps for later.
	pipesKept = 8
)

// buffer is the user-space chunk of a flow. Whoever holds it owns it: the pool, the reader that fills it, or the flow.
type buffer [bufferSize]byte

// bufferPool hands out buffers, the warmest first. It belongs to one loop, so it needs no lock.
type bufferPool struct {
	kept []*buffer

	// Where buffers come from if their bytes shall outlive the process; see Outside.
	outside []Chunk
	used    int   // outside[used:] has never been handed out
	cold    []int // numbers of those that have been given back, and their memory to the system
}

func (p *bufferPool) get() *buffer {
	if n := len(p.kept); n > 0 {
		b := p.kept[n-1]
		p.kept = p.kept[:n-1]
		return b
	}
	if n := len(p.cold); n > 0 {
		b := &p.outside[p.cold[n-1]]
		p.cold = p.cold[:n-1]
		return b
	}
	if p.used < len(p.outside) {
		p.used++
		return &p.outside[p.used-1]
	}
	return new(buffer)
}

func (p *bufferPool) put(b *buffer) {
	if len(p.kept) < buffersKept {
		p.kept = append(p.kept, b)
	} else if number := p.number(b); number >= 0 {
		vacate(p.outside[number : number+1])
		p.cold = append(p.cold, number)
	}
}

// reserve makes the outside chunks of which holds are true those in use, and gives back the memory of all others.
func (p *bufferPool) reserve(holds map[int]bool) {
	p.used, p.cold = 0, nil
	for number := range holds {
		p.used = max(p.used, number+1)
	}
	for number := range p.used {
		if !holds[number] {
			vacate(p.outside[number : number+1])
			p.cold = append(p.cold, number)
		}
	}
	vacate(p.outside[p.used:])
}

// pipe is a kernel pipe: the chunk of a bulk flow. left is how many bytes it holds.
type pipe struct {
	r, w int
	left int
}

func (p *pipe) close() {
	closeDescriptor(p.r)
	closeDescriptor(p.w)
}

// pipePool hands out empty pipes. It belongs to one loop.
type pipePool struct {
	kept []*pipe
	made int // pipes that exist, kept or in use
	max  int
}

// get returns an empty pipe, or nil if there are too many or the system has none to give.
func (p *pipePool) get() *pipe {
	if n := len(p.kept); n > 0 {
		q := p.kept[n-1]
		p.kept = p.kept[:n-1]
		return q
	}
	if p.made >= p.max {
		return nil
	}
	r, w, err := newPipe()
	if err != nil {
		return nil
	}
	p.made++
	return &pipe{r: r, w: w}
}

// put takes a pipe back. One that still holds bytes is closed: they must not reach another flow.
func (p *pipePool) put(q *pipe) {
	if q.left == 0 && len(p.kept) < pipesKept {
		p.kept = append(p.kept, q)
		return
	}
	p.made--
	q.close()
}

func (p *pipePool) closeAll() {
	for _, q := range p.kept {
		q.close()
	}
	p.made -= len(p.kept)
	p.kept = nil
}
