package lexical

import (
	"strings"
	"unsafe"
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

// notRobots are words of devices and browsers in which a robot would be found.
var notRobots = []string{"cubot"}

// tvs and tablets are marks of devices, beside their systems.
var (
	tvs = []string{
		"smart-tv", "smarttv", "smart tv", "googletv", "google tv", "android tv", "androidtv", "appletv", "apple tv", "hbbtv", "roku/", "crkey",
		"aftb", "aftt", "afts", "aftm", "bravia", "netcast", "viera", "mitv", "hisense", "web0s",
	}
	tablets = []string{"ipad", "tablet", "kindle", "silk/", "playbook", "nexus 7", "nexus 10", "mediapad", "matepad", "mi pad", "xiaomi pad", "sm-t", "sm-x", "lenovo tb", "lenovo yt"}
)

// maxAgentBytes is how much of a header is looked at.
const maxAgentBytes = 1024

// UserAgent parses a User-Agent header by a fixed list of marks. It allocates nothing. Browsers pretend to be each other,
// so what it returns is what most of them mean; an iPad that asks for desktop pages cannot be told from a Mac.
func UserAgent(header string) Agent {
	var buf [maxAgentBytes]byte
	n := copy(buf[:], header)
	for i, c := range buf[:n] {
		if 'A' <= c && c <= 'Z' {
			buf[i] = c + 'a' - 'A'
		}
	}
	ua := unsafe.String(&buf[0], n) // nobody keeps it
	a := Agent{Browser: find(ua, browsers), OS: find(ua, systems), Bot: find(ua, robots)}
	if a.Bot == "other" && contains(ua, notRobots) {
		a.Bot = ""
	}
	if a.Bot == "" && (a.OS == "ipados" || a.OS == "ios") && a.Browser == "" && strings.Contains(ua, "applewebkit") {
		a.Browser = "webview"
	}
	a.Device = device(ua, a)
	return a
}

// device tells what sort of device sent the header.
func device(ua string, a Agent) string {
	switch {
	case a.Bot != "":
		return "bot"
	case contains(ua, tvs), a.OS == "tvos", a.OS == "tizen" && !strings.Contains(ua, "mobile"), a.OS == "webos" && !strings.Contains(ua, "mobile"):
		return "tv"
	case contains(ua, tablets):
		return "tablet"
	case strings.Contains(ua, "mobi"), a.OS == "ios", a.OS == "windows phone", a.OS == "kaios", strings.Contains(ua, "opera mini"):
		return "mobile"
	case a.OS == "android" && strings.Contains(ua, "applewebkit"): // browsers of tablets leave out "Mobile"
		return "tablet"
	case a.OS == "android", a.OS == "harmonyos":
		return "mobile"
	case a.OS == "windows", a.OS == "macos", a.OS == "linux", a.OS == "chromeos", a.OS == "bsd":
		return "desktop"
	}
	return "other"
}

// find returns the name of the first marker that is in ua, or "".
func find(ua string, markers []marker) string {
	for i := range markers {
		if strings.Contains(ua, markers[i].text) {
			return markers[i].name
		}
	}
	return ""
}

// contains reports whether any of words is in ua.
func contains(ua string, words []string) bool {
	for _, w := range words {
		if strings.Contains(ua, w) {
			return true
		}
	}
	return false
}
