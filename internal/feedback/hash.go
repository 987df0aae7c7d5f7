package feedback

import "github.com/zeebo/xxh3"

// Seeds keep hashes of different sorts apart. They are part of the state's format.
const (
	seedUser    = 0x9ae16a3b2f90404f
	seedRequest = 0xc3a5c85c97cb3127
	seedScene   = 0xb492b66fbe98f273
	seedVariant = 0x8cb92ba72f3d8dd7
	mixItem     = 0x2545f4914f6cdd1d
)

// HashUser returns what stands for a user in a Settled; never 0.
func HashUser(user string) uint64 { return known(xxh3.HashStringSeed(user, seedUser)) }

// HashScene returns what stands for a scene in a Settled; never 0.
func HashScene(scene string) uint64 { return known(xxh3.HashStringSeed(scene, seedScene)) }

// HashVariant returns what stands for a list's experiment arms in a Settled; never 0.
func HashVariant(variant string) uint64 { return known(xxh3.HashStringSeed(variant, seedVariant)) }

func hashRequest(request string) uint64 { return known(xxh3.HashStringSeed(request, seedRequest)) }

// hashItem hashes an item together with the hash of a user or of a request.
func hashItem(item string, of uint64) uint64 { return known(xxh3.HashStringSeed(item, of^mixItem)) }

// known keeps 0 free to mean that there is none.
func known(hash uint64) uint64 {
	if hash == 0 {
		return 1
	}
	return hash
}
