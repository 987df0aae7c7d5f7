package dirty

// Reader reads entries of the last committed checkpoint: what a table has evicted it finds there again.
type Reader interface {
	// Get appends the value of key to dst; ok is false when there is none. It is safe for concurrent use. An error says that the
	// store is damaged or out of reach: then nobody knows whether there is such an entry.
	Get(dst, key []byte) (value []byte, sum Sum, ok bool, err error)
}
