package lexical

import (
	"strings"
	"testing"
)

func TestUserAgentsAreRecognised(t *testing.T) {
	const (
		webkit  = "AppleWebKit/537.36 (KHTML, like Gecko) "
		android = "Mozilla/5.0 (Linux; Android 14; Pixel 8) " + webkit
		iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
		windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
		mac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
	)
	for ua, want := range map[string]Agent{
		windows + webkit + "Chrome/124.0.0.0 Safari/537.36":                                     {"chrome", "windows", "desktop", ""},
		windows + webkit + "Chrome/124.0.0.0 Safari/537.36 Edg/124.0.0.0":                       {"edge", "windows", "desktop", ""},
		windows + webkit + "Chrome/124.0.0.0 Safari/537.36 OPR/109.0.0.0":                       {"opera", "windows", "desktop", ""},
		windows + "Gecko/20100101 Firefox/125.0":                                                {"firefox", "windows", "desktop", ""},
		"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko":                 {"ie", "windows", "desktop", ""},
		mac + "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15":           {"safari", "macos", "desktop", ""},
		"Mozilla/5.0 (X11; Linux x86_64) " + webkit + "Chrome/124.0.0.0 Safari/537.36":          {"chrome", "linux", "desktop", ""},
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) " + webkit + "Chrome/124.0.0.0 Safari/537.36": {"chrome", "chromeos", "desktop", ""},
		iphone + "Version/17.4 Mobile/15E148 Safari/604.1":                                      {"safari", "ios", "mobile", ""},
		iphone + "CriOS/124.0 Mobile/15E148 Safari/604.1":                                       {"chrome", "ios", "mobile", ""},
		iphone + "FxiOS/125.0 Mobile/15E148 Safari/605.1.15":                                    {"firefox", "ios", "mobile", ""},
		iphone + "Mobile/15E148 MicroMessenger/8.0.49(0x18003130) NetType/WIFI Language/zh_CN":  {"wechat", "ios", "mobile", ""},
		iphone + "Mobile/15E148 [FBAN/FBIOS;FBAV/460.0;FBDV/iPhone15,2]":                        {"facebook", "ios", "mobile", ""},
		iphone + "Mobile/15E148": {"webview", "ios", "mobile", ""},
		"Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1": {"safari", "ipados", "tablet", ""},
		android + "Chrome/124.0.0.0 Mobile Safari/537.36":                                                                                 {"chrome", "android", "mobile", ""},
		android + "SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36":                                                             {"samsung", "android", "mobile", ""},
		android + "Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 XWEB/1160065 MMWEBSDK/20231202 MicroMessenger/8.0.47.2560":           {"wechat", "android", "mobile", ""},
		android + "Version/4.0 Chrome/92.0.4515.159 Mobile Safari/537.36 aweme_230400 JsSdk/1.0 NetType/WIFI":                             {"douyin", "android", "mobile", ""},
		android + "Version/4.0 Chrome/100.0 UCBrowser/16.5.6 Mobile Safari/537.36":                                                        {"uc", "android", "mobile", ""},
		android + "Version/4.0 Chrome/89.0 MQQBrowser/13.6 Mobile Safari/537.36":                                                          {"qq", "android", "mobile", ""},
		"Mozilla/5.0 (Linux; Android 12; HarmonyOS; ALN-AL00) " + webkit + "Chrome/114.0 HuaweiBrowser/14.0 Mobile Safari/537.36":         {"huawei", "harmonyos", "mobile", ""},
		"Mozilla/5.0 (Linux; Android 13; SM-X700) " + webkit + "Chrome/124.0.0.0 Safari/537.36":                                           {"chrome", "android", "tablet", ""},
		"Mozilla/5.0 (Linux; Android 13; Lenovo Q) " + webkit + "Chrome/124.0.0.0 Safari/537.36":                                          {"chrome", "android", "tablet", ""},
		"Mozilla/5.0 (Linux; Android 9; BRAVIA 4K) " + webkit + "Chrome/124.0.0.0 Safari/537.36":                                          {"chrome", "android", "tv", ""},
		"Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/4.0 Chrome/94.0 TV Safari/537.36": {"samsung", "tizen", "tv", ""},
		"Mozilla/5.0 (Web0S; Linux/SmartTV) " + webkit + "Chrome/94.0 Safari/537.36":                                                      {"chrome", "webos", "tv", ""},
		"Mozilla/5.0 (Linux; Android 8.1.0; CUBOT_X18) " + webkit + "Chrome/100.0 Mobile Safari/537.36":                                   {"chrome", "android", "mobile", ""},
		"okhttp/4.12.0": {"okhttp", "android", "mobile", ""},
		"Mozilla/5.0 (PlayStation 5) AppleWebKit/605.1.15 (KHTML, like Gecko)":                {"", "playstation", "other", ""},
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":            {"", "", "bot", "google"},
		android + "Chrome/124.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1)":         {"chrome", "android", "bot", "google"},
		"Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)": {"", "", "bot", "baidu"},
		"Mozilla/5.0 (compatible; SomeNewBot/1.0)":                                            {"", "", "bot", "other"},
		"curl/8.6.0":            {"", "", "bot", "curl"},
		"python-requests/2.31":  {"", "", "bot", "python"},
		"Go-http-client/2.0":    {"", "", "bot", "go"},
		"":                      {"", "", "other", ""},
		"\xff\xfe nothing much": {"", "", "other", ""},
		strings.Repeat("x", maxAgentBytes) + " Windows": {"", "", "other", ""},
	} {
		if got := UserAgent(ua); got != want {
			t.Errorf("%.150q\n got %q\nwant %q", ua, got, want)
		}
	}
}

func TestMarksOfUserAgentsAreLowerCaseAndReachable(t *testing.T) {
	for _, list := range [][]marker{browsers, systems, robots} {
		if len(list) >= nowhere {
			t.Errorf("%d marks in a list: at most %d can be told apart", len(list), nowhere)
		}
		for i, m := range list {
			if m.text != strings.ToLower(m.text) || m.name == "" {
				t.Errorf("%q can never be found", m.text)
			}
			for _, before := range list[:i] {
				if strings.Contains(m.text, before.text) {
					t.Errorf("%q is never reached: %q stands before it", m.text, before.text)
				}
			}
		}
	}
}

func TestReferrersAreRecognised(t *testing.T) {
	own := []string{"shop.example.com", "example.org"}
	for header, want := range map[string]Ref{
		"":                                          {"", "direct", ""},
		"  ":                                        {"", "direct", ""},
		"about:blank":                               {"", "direct", ""},
		"http://[broken":                            {"", "direct", ""},
		"https://www.google.com/":                   {"google.com", "search", "google"},
		"https://www.google.co.uk/search?q=x":       {"google.co.uk", "search", "google"},
		"https://mail.google.com/mail/u/0/":         {"google.com", "email", "gmail"},
		"https://google.evil.com/":                  {"evil.com", "referral", ""},
		"https://google.github.io/":                 {"google.github.io", "referral", ""},
		"https://cn.bing.com/search":                {"bing.com", "search", "bing"},
		"https://www.baidu.com/link?url=x":          {"baidu.com", "search", "baidu"},
		"https://tieba.baidu.com/p/1":               {"baidu.com", "social", "tieba"},
		"https://so.toutiao.com/search":             {"toutiao.com", "search", "toutiao"},
		"https://search.yahoo.co.jp/search":         {"yahoo.co.jp", "search", "yahoo"},
		"https://m.weibo.cn/detail/1":               {"weibo.cn", "social", "weibo"},
		"https://www.douyin.com/":                   {"douyin.com", "social", "douyin"},
		"https://mp.weixin.qq.com/s/abc":            {"qq.com", "social", "wechat"},
		"https://servicewechat.com/wx1/1/page.html": {"servicewechat.com", "social", "wechat"},
		"https://mail.qq.com/":                      {"qq.com", "email", "qq"},
		"https://t.co/abc":                          {"t.co", "social", "twitter"},
		"https://x.com/someone":                     {"x.com", "social", "twitter"},
		"https://notx.com/":                         {"notx.com", "referral", ""},
		"HTTPS://L.Facebook.COM:443/l.php?u=x":      {"facebook.com", "social", "facebook"},
		"android-app://com.google.android.gm/":      {"com.google.android.gm", "email", "gmail"},
		"android-app://com.tencent.mm":              {"com.tencent.mm", "social", "wechat"},
		"https://shop.example.com/p/1":              {"example.com", "internal", ""},
		"https://www.shop.example.com":              {"example.com", "internal", ""},
		"https://other.example.com/":                {"example.com", "referral", ""},
		"https://myexample.org/":                    {"myexample.org", "referral", ""},
		"https://EXAMPLE.org./":                     {"example.org", "internal", ""},
		"blog.someone.co.jp/post":                   {"someone.co.jp", "referral", ""},
		"//blog.someone.com/post":                   {"someone.com", "referral", ""},
		"http://127.0.0.1:8080/x":                   {"127.0.0.1", "referral", ""},
		"http://[2001:db8::1]/":                     {"2001:db8::1", "referral", ""},
		"http://localhost:3000/":                    {"localhost", "referral", ""},
		"ftp://files.example.net/":                  {"", "direct", ""},
	} {
		if got := Referer(header, own...); got != want {
			t.Errorf("%q: got %q, want %q", header, got, want)
		}
	}
}

func TestWellKnownHostsStandOnce(t *testing.T) {
	n := 0
	for _, s := range wellKnown {
		n += len(strings.Fields(s.hosts))
	}
	if n != len(sites) {
		t.Errorf("%d hosts are listed, %d known", n, len(sites))
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("Mozilla/5.0 (Windows NT 10.0)")
	f.Add("https://www.google.co.uk:80/?q=\xff")
	f.Add("android-app://\x00..")
	f.Fuzz(func(t *testing.T, header string) {
		if a := UserAgent(header); a.Device == "" || (a.Device == "bot") != (a.Bot != "") {
			t.Fatalf("%q: %+v", header, a)
		}
		if r := Referer(header, "example.com"); r.Medium == "" || (r.Medium == "direct") != (r.Domain == "") {
			t.Fatalf("%q: %+v", header, r)
		}
	})
}

// What the automaton finds must be what looking for each mark by itself finds.
func TestMarksAreFoundAsANaiveSearchFindsThem(t *testing.T) {
	first := func(ua string, markers []marker) string {
		for _, m := range markers {
			if strings.Contains(ua, m.text) {
				return m.name
			}
		}
		return ""
	}
	var all []string
	for _, list := range [][]marker{browsers, systems, robots} {
		for _, m := range list {
			all = append(all, m.text)
		}
	}
	for i, a := range all {
		ua := a + all[(i*31+7)%len(all)] + "; " + all[(i*17+3)%len(all)]
		found := agentMarks().find(strings.ToUpper(ua))
		for list, markers := range map[int][]marker{inBrowsers: browsers, inSystems: systems, inRobots: robots} {
			if got, want := found.name(list, markers), first(ua, markers); got != want {
				t.Errorf("%q: list %d gives %q, want %q", ua, list, got, want)
			}
		}
	}
}
