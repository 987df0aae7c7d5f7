package rank

// The names of the recall channels, as answers and quotas spell them.
const (
	ChannelSimilar    = "similar"    // co-visited with the item looked at and the user's recent positives
	ChannelTrending   = "trending"   // most activity within the scene's window
	ChannelCategories = "categories" // trending within the user's recent categories
	ChannelNew        = "new"        // latest in the catalogue
	ChannelBackfill   = "backfill"   // anything available, when the others found too little
	ChannelCandidates = "candidates" // brought by the caller
)

// channel numbers the channels; the recall ones come first.
type channel uint8

const (
	similar channel = iota
	trending
	categories
	newest
	backfill
	candidates
	numChannels
)

var channelNames = [numChannels]string{
	ChannelSimilar, ChannelTrending, ChannelCategories, ChannelNew, ChannelBackfill, ChannelCandidates,
}

// channelWeights say how much a channel's word counts while there is no score: what somebody like this
// person did counts more than that something is new.
var channelWeights = [numChannels]float32{1, 1, 1, 0.5, 0.1, 1}

// lateNames are what List.Degraded says of a channel that was cut short.
var lateNames = [numChannels]string{
	"recall:" + ChannelSimilar, "recall:" + ChannelTrending, "recall:" + ChannelCategories,
	"recall:" + ChannelNew, "recall:" + ChannelBackfill, "recall:" + ChannelCandidates,
}

// recallChannel finds a channel that a quota may name.
func recallChannel(name string) (channel, bool) {
	for ch := similar; ch < backfill; ch++ {
		if channelNames[ch] == name {
			return ch, true
		}
	}
	return 0, false
}

// channelSet is a set of channels.
type channelSet uint8

func (s channelSet) has(ch channel) bool        { return s&(1<<ch) != 0 }
func (s channelSet) with(ch channel) channelSet { return s | 1<<ch }

// channelLists holds the names of every possible set, so that answers share them.
type channelLists [1 << numChannels][]string

func newChannelLists() *channelLists {
	var lists channelLists
	for set := range lists {
		names := []string{}
		for ch := similar; ch < numChannels; ch++ {
			if channelSet(set).has(ch) {
				names = append(names, channelNames[ch])
			}
		}
		lists[set] = names
	}
	return &lists
}
