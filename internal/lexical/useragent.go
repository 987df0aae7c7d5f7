package lexical

import (
	"math"
	"sync"
)

// Agent is what a User-Agent header says about who sent it. The texts are from small closed sets, empty where the header
// does not tell.
type Agent struct {
	Browser string // chrome, safari, firefox, edge, opera, samsung, ie, uc, qq, quark, huawei, xiaomi, vivo, oppo …; an app with a browser in it: wechat, weibo, douyin, tiktok, facebook …
	OS      string // windows, macos, ios, ipados, android, harmonyos, linux, chromeos, tizen, webos, playstation …
	Device  string // mobile, tablet, desktop, tv, bot or other
	Bot     string // the name of a well-known robot, "other" for one that only says that it is one, "" for people
}

// marker is something to look for in a header, and what it tells. Of a list of markers the first one found decides.
type marker struct{ text, name string }

// browsers are sorted so that those that pretend to be another one come before it.
var browsers = []marker{
	{"micromessenger", "wechat"}, {"alipayclient", "alipay"}, {"weibo", "weibo"},
	{"aweme", "douyin"}, {"musical_ly", "tiktok"}, {"trill_", "tiktok"}, {"tiktok", "tiktok"},
	{"kwai", "kuaishou"}, {"kuaishou", "kuaishou"}, {"xhs", "xiaohongshu"}, {"bilibili", "bilibili"},
	{"dingtalk", "dingtalk"}, {"aliapp(tb", "taobao"}, {"jdapp", "jd"}, {"baiduboxapp", "baidu"}, {"baidubrowser", "baidu"}, {"bidubrowser", "baidu"},
	{"fban/", "facebook"}, {"fbav/", "facebook"}, {"fb_iab", "facebook"}, {"instagram", "instagram"}, {"snapchat", "snapchat"},
	{"pinterest/", "pinterest"}, {"linkedinapp", "linkedin"}, {"twitter", "twitter"}, {" line/", "line"}, {"kakaotalk", "kakaotalk"}, {"naver(", "naver"},
	{"mqqbrowser", "qq"}, {"qqbrowser", "qq"}, {" qq/", "qq"}, {"ucbrowser", "uc"}, {"ubrowser", "uc"}, {"quark", "quark"},
	{"huaweibrowser", "huawei"}, {"miuibrowser", "xiaomi"}, {"heytapbrowser", "oppo"}, {"oppobrowser", "oppo"}, {"vivobrowser", "vivo"},
	{"metasr", "sogou"}, {"sogou", "sogou"}, {"360se", "360"}, {"360ee", "360"}, {"qihoobrowser", "360"}, {"maxthon", "maxthon"},
	{"edg/", "edge"}, {"edga/", "edge"}, {"edgios/", "edge"}, {"edge/", "edge"},
	{"opr/", "opera"}, {"opera", "opera"}, {"opios/", "opera"}, {"opt/", "opera"}, {"yabrowser", "yandex"}, {"vivaldi", "vivaldi"},
	{"samsungbrowser", "samsung"}, {"silk/", "silk"}, {"duckduckgo", "duckduckgo"}, {"ddg/", "duckduckgo"}, {"brave", "brave"}, {"whale/", "whale"}, {"electron/", "electron"},
	{"fxios/", "firefox"}, {"focus/", "firefox"}, {"firefox", "firefox"}, {"seamonkey", "seamonkey"},
	{"msie ", "ie"}, {"trident/", "ie"},
	{"crios/", "chrome"}, {"gsa/", "google"}, {"; wv)", "webview"}, {"chromium", "chromium"}, {"chrome/", "chrome"},
	{"okhttp", "okhttp"}, {"dart/", "dart"}, {"cfnetwork", "cfnetwork"},
	{"safari/", "safari"}, {"android", "android"},
}

// systems are sorted in the same way.
var systems = []marker{
	{"windows phone", "windows phone"}, {"xbox", "xbox"}, {"windows", "windows"},
	{"openharmony", "harmonyos"}, {"harmonyos", "harmonyos"}, {"harmony", "harmonyos"},
	{"playstation", "playstation"}, {"nintendo", "nintendo"},
	{"tizen", "tizen"}, {"web0s", "webos"}, {"webos", "webos"}, {"kaios", "kaios"},
	{"ipad", "ipados"}, {"iphone", "ios"}, {"ipod", "ios"}, {"appletv", "tvos"}, {"apple tv", "tvos"},
	{"android", "android"}, {"okhttp", "android"}, {"darwin", "ios"}, {"mac os x", "macos"}, {"macintosh", "macos"},
	{"cros ", "chromeos"}, {"ubuntu", "linux"}, {"linux", "linux"}, {"freebsd", "bsd"}, {"openbsd", "bsd"}, {"x11", "linux"},
}

// robots are those that are well known, then the words by which the others are known.
var robots = []marker{
	{"googlebot", "google"}, {"google-inspectiontool", "google"}, {"adsbot-google", "google"}, {"mediapartners-google", "google"}, {"apis-google", "google"}, {"googleother", "google"},
	{"bingbot", "bing"}, {"bingpreview", "bing"}, {"msnbot", "bing"}, {"baiduspider", "baidu"}, {"yandexbot", "yandex"}, {"yandeximages", "yandex"},
	{"sogou web spider", "sogou"}, {"sogou inst spider", "sogou"}, {"360spider", "360"}, {"bytespider", "bytedance"}, {"yisouspider", "yisou"}, {"petalbot", "huawei"},
	{"duckduckbot", "duckduckgo"}, {"slurp", "yahoo"}, {"applebot", "apple"}, {"amazonbot", "amazon"}, {"facebookexternalhit", "facebook"}, {"meta-externalagent", "facebook"},
	{"twitterbot", "twitter"}, {"linkedinbot", "linkedin"}, {"pinterestbot", "pinterest"}, {"slackbot", "slack"}, {"telegrambot", "telegram"}, {"discordbot", "discord"}, {"whatsapp/", "whatsapp"},
	{"gptbot", "openai"}, {"oai-searchbot", "openai"}, {"chatgpt-user", "openai"}, {"claudebot", "anthropic"}, {"perplexitybot", "perplexity"}, {"ccbot", "commoncrawl"},
	{"ahrefsbot", "ahrefs"}, {"semrushbot", "semrush"}, {"mj12bot", "majestic"}, {"dotbot", "moz"}, {"uptimerobot", "uptimerobot"}, {"pingdom", "pingdom"},
	{"curl/", "curl"}, {"wget/", "wget"}, {"python-requests", "python"}, {"python-urllib", "python"}, {"aiohttp", "python"}, {"python/", "python"}, {"go-http-client", "go"}, {"java/", "java"}, {"apache-httpclient", "java"}, {"axios/", "node"}, {"node-fetch", "node"}, {"scrapy", "scrapy"}, {"postmanruntime", "postman"},
	{"headlesschrome", "headless"}, {"phantomjs", "headless"}, {"puppeteer", "headless"}, {"playwright", "headless"},
	{"crawler", "other"}, {"spider", "other"}, {"crawling", "other"}, {"bot/", "other"}, {"bot;", "other"}, {"bot)", "other"}, {"bot ", "other"}, {"-bot", "other"}, {"robot", "other"}, {"monitoring", "other"}, {"+http", "other"},
}

// Marks of devices, and words of devices in which a robot would be found.
var (
	notRobots = []string{"cubot"}
	tvs       = []string{
		"smart-tv", "smarttv", "smart tv", "googletv", "google tv", "android tv", "androidtv", "appletv", "apple tv", "hbbtv", "roku/", "crkey",
		"aftb", "aftt", "afts", "aftm", "bravia", "netcast", "viera", "mitv", "hisense", "web0s",
	}
	tablets = []string{"ipad", "tablet", "kindle", "silk/", "playbook", "nexus 7", "nexus 10", "mediapad", "matepad", "mi pad", "xiaomi pad", "sm-t", "sm-x", "lenovo tb", "lenovo yt"}
	mobiles = []string{"mobi", "opera mini"}
	webkits = []string{"applewebkit"}
)

// The lists in which marks are looked for.
const (
	inBrowsers = iota
	inSystems
	inRobots
	inNotRobots
	inTVs
	inTablets
	inMobiles
	inWebkits
	lists
)

// places says where the first mark of each list that was found stands in it.
type places [lists]uint8

const nowhere = math.MaxUint8

// marks finds all marks of all lists in one walk over a header.
type marks struct {
	*automaton
	at []places // by mark: its place in each list, or nowhere
}

var agentMarks = sync.OnceValue(func() *marks {
	m := &marks{}
	var words [][]rune
	numbers := make(map[string]int)
	add := func(list, place int, text string) {
		i, known := numbers[text]
		if !known {
			i = len(words)
			numbers[text] = i
			words = append(words, []rune(text))
			m.at = append(m.at, nothing)
		}
		m.at[i][list] = uint8(place)
	}
	for list, markers := range [...][]marker{inBrowsers: browsers, inSystems: systems, inRobots: robots} {
		for place, mark := range markers {
			add(list, place, mark.text)
		}
	}
	for list, texts := range [...][]string{inNotRobots: notRobots, inTVs: tvs, inTablets: tablets, inMobiles: mobiles, inWebkits: webkits} {
		for place, text := range texts {
			add(list, place, text)
		}
	}
	m.automaton = newAutomaton(words)
	return m
})

// nothing is what is found in an empty header.
var nothing = places{nowhere, nowhere, nowhere, nowhere, nowhere, nowhere, nowhere, nowhere}

// find returns where the marks of header stand in their lists.
func (m *marks) find(header string) places {
	found := nothing
	node := int32(0)
	for i := range min(len(header), maxAgentBytes) {
		c := header[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		node = m.step(node, rune(c))
		for at := node; at != 0; at = m.dict[at] {
			if word := m.word[at]; word >= 0 {
				for list, place := range m.at[word] {
					found[list] = min(found[list], place)
				}
			}
		}
	}
	return found
}

// has reports whether any mark of a list was found.
func (p *places) has(list int) bool { return p[list] != nowhere }

// name returns what the first mark of a list tells, or "".
func (p *places) name(list int, markers []marker) string {
	if p[list] == nowhere {
		return ""
	}
	return markers[p[list]].name
}

// maxAgentBytes is how much of a header is looked at.
const maxAgentBytes = 1024

// UserAgent parses a User-Agent header by fixed lists of marks. It allocates nothing, but for the first call, which
// compiles them. Browsers pretend to be each other, so what it returns is what most of them mean; an iPad that asks for
// desktop pages cannot be told from a Mac.
func UserAgent(header string) Agent {
	found := agentMarks().find(header)
	a := Agent{Browser: found.name(inBrowsers, browsers), OS: found.name(inSystems, systems), Bot: found.name(inRobots, robots)}
	if a.Bot == "other" && found.has(inNotRobots) {
		a.Bot = ""
	}
	if a.Browser == "" && (a.OS == "ipados" || a.OS == "ios") && found.has(inWebkits) {
		a.Browser = "webview"
	}
	a.Device = device(&found, a)
	return a
}

// device tells what sort of device sent the header.
func device(found *places, a Agent) string {
	switch {
	case a.Bot != "":
		return "bot"
	case found.has(inTVs), a.OS == "tvos", (a.OS == "tizen" || a.OS == "webos") && !found.has(inMobiles):
		return "tv"
	case found.has(inTablets):
		return "tablet"
	case found.has(inMobiles), a.OS == "ios", a.OS == "windows phone", a.OS == "kaios":
		return "mobile"
	case a.OS == "android" && found.has(inWebkits): // browsers of tablets leave out "Mobile"
		return "tablet"
	case a.OS == "android", a.OS == "harmonyos":
		return "mobile"
	case a.OS == "windows", a.OS == "macos", a.OS == "linux", a.OS == "chromeos", a.OS == "bsd":
		return "desktop"
	}
	return "other"
}
