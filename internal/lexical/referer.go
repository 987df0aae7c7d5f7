package lexical

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Ref is what a Referer header says about where somebody came from.
type Ref struct {
	Domain string // the registered domain, such as example.co.uk, or the host where it has none (an address, localhost); "" when there is none
	Medium string // direct (no header), internal, search, social, email or referral
	Source string // the name of a well-known site, such as google or wechat; "" for the others
}

// site is a well-known place to come from.
type site struct{ medium, source string }

// sites holds well-known hosts; a host stands for those below it too, unless they stand here themselves. A name that
// ends in .* is a registered domain under any public suffix.
var sites = func() map[string]site {
	all := make(map[string]site)
	for _, s := range wellKnown {
		for _, host := range strings.Fields(s.hosts) {
			all[host] = site{s.medium, s.source}
		}
	}
	return all
}()

var wellKnown = []struct{ medium, source, hosts string }{
	{"search", "google", "google.* googleapis.com com.google.android.googlequicksearchbox"},
	{"search", "bing", "bing.com cn.bing.com"},
	{"search", "baidu", "baidu.com"},
	{"search", "sogou", "sogou.com"},
	{"search", "360", "so.com 360.cn haosou.com"},
	{"search", "shenma", "sm.cn"},
	{"search", "toutiao", "so.toutiao.com"},
	{"search", "quark", "quark.cn"},
	{"search", "yahoo", "yahoo.* search.yahoo.co.jp"},
	{"search", "yandex", "yandex.* ya.ru"},
	{"search", "duckduckgo", "duckduckgo.com"},
	{"search", "naver", "search.naver.com"},
	{"search", "daum", "search.daum.net"},
	{"search", "ecosia", "ecosia.org"},
	{"search", "brave", "search.brave.com"},
	{"search", "qwant", "qwant.com"},
	{"search", "startpage", "startpage.com"},
	{"search", "ask", "ask.com"},
	{"search", "seznam", "seznam.cz"},
	{"search", "chatgpt", "chatgpt.com chat.openai.com"},
	{"search", "perplexity", "perplexity.ai"},
	{"social", "weibo", "weibo.com weibo.cn t.cn com.sina.weibo"},
	{"social", "wechat", "weixin.qq.com wechat.com servicewechat.com com.tencent.mm"},
	{"social", "qq", "qzone.qq.com qzone.com im.qq.com com.tencent.mobileqq"},
	{"social", "douyin", "douyin.com iesdouyin.com amemv.com com.ss.android.ugc.aweme"},
	{"social", "tiktok", "tiktok.com com.zhiliaoapp.musically"},
	{"social", "kuaishou", "kuaishou.com gifshow.com com.smile.gifmaker"},
	{"social", "xiaohongshu", "xiaohongshu.com xhslink.com com.xingin.xhs"},
	{"social", "bilibili", "bilibili.com b23.tv"},
	{"social", "zhihu", "zhihu.com"},
	{"social", "douban", "douban.com"},
	{"social", "tieba", "tieba.baidu.com"},
	{"social", "toutiao", "toutiao.com"},
	{"social", "facebook", "facebook.com fb.com fb.me messenger.com com.facebook.katana"},
	{"social", "instagram", "instagram.com com.instagram.android"},
	{"social", "threads", "threads.net threads.com"},
	{"social", "twitter", "twitter.com x.com t.co com.twitter.android"},
	{"social", "youtube", "youtube.com youtu.be"},
	{"social", "reddit", "reddit.com redd.it com.reddit.frontpage"},
	{"social", "linkedin", "linkedin.com lnkd.in com.linkedin.android"},
	{"social", "pinterest", "pinterest.* pin.it"},
	{"social", "snapchat", "snapchat.com"},
	{"social", "tumblr", "tumblr.com"},
	{"social", "telegram", "t.me telegram.org telegram.me org.telegram.messenger"},
	{"social", "whatsapp", "whatsapp.com wa.me"},
	{"social", "discord", "discord.com"},
	{"social", "line", "line.me"},
	{"social", "vk", "vk.com vk.ru"},
	{"social", "ok", "ok.ru"},
	{"social", "quora", "quora.com"},
	{"social", "hackernews", "news.ycombinator.com"},
	{"social", "twitch", "twitch.tv"},
	{"social", "bluesky", "bsky.app"},
	{"email", "gmail", "mail.google.com com.google.android.gm"},
	{"email", "outlook", "outlook.com outlook.live.com mail.live.com hotmail.com outlook.office.com outlook.office365.com"},
	{"email", "yahoo", "mail.yahoo.com mail.yahoo.co.jp"},
	{"email", "qq", "mail.qq.com exmail.qq.com"},
	{"email", "netease", "mail.163.com mail.126.com 126.com yeah.net"},
	{"email", "sina", "mail.sina.com.cn mail.sina.cn"},
	{"email", "yandex", "mail.yandex.ru mail.yandex.com"},
	{"email", "mailru", "e.mail.ru"},
	{"email", "icloud", "icloud.com"},
	{"email", "aol", "mail.aol.com"},
	{"email", "proton", "mail.proton.me"},
	{"email", "zoho", "mail.zoho.com"},
}

// Referer parses a Referer header. own are the hosts of the site itself, in lower case; hosts below them are its own
// too. android-app://package is known as well; its domain is the package. What is no address at all counts as direct.
func Referer(header string, own ...string) Ref {
	host, app := hostOf(header)
	if host == "" {
		return Ref{Medium: "direct"}
	}
	domain := host
	if !app {
		domain = registered(host)
	}
	for _, o := range own {
		if below(host, o) {
			return Ref{Domain: domain, Medium: "internal"}
		}
	}
	s, found := siteOf(host, domain)
	if !found {
		s.medium = "referral"
	}
	return Ref{Domain: domain, Medium: s.medium, Source: s.source}
}

// hostOf returns the host of a URL in lower case, without port and final point; of an Android app its package. A URL
// may lack its scheme.
func hostOf(header string) (host string, app bool) {
	header = strings.TrimSpace(header)
	if header != "" && !strings.Contains(header, "://") {
		header = "http://" + strings.TrimPrefix(header, "//")
	}
	u, err := url.Parse(header)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "android-app") {
		return "", false
	}
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), u.Scheme == "android-app"
}

// registered returns the part of a host that somebody registered, or all of it where there is none.
func registered(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host
}

// below reports whether host is domain or a host below it.
func below(host, domain string) bool {
	rest, found := strings.CutSuffix(host, domain)
	return found && domain != "" && (rest == "" || rest[len(rest)-1] == '.')
}

// siteOf finds the nearest well-known host above host, at its registered domain at the farthest.
func siteOf(host, domain string) (site, bool) {
	for h := host; len(h) >= len(domain); {
		if s, ok := sites[h]; ok {
			return s, true
		}
		_, rest, found := strings.Cut(h, ".")
		if !found {
			break
		}
		h = rest
	}
	if _, icann := publicsuffix.PublicSuffix(domain); !icann { // anybody may have google.github.io
		return site{}, false
	}
	label, _, _ := strings.Cut(domain, ".")
	s, ok := sites[label+".*"]
	return s, ok
}
