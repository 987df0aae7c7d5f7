package event

// Lines as real producers write them; every form that the published data has.
var sampleEvents = []string{
	`{"id":"e0","type":"exposure","user":"u712","item":"v5239","ts":"2022-04-24T15:05:41.436Z","request":"r0","context":{"tab":1,"duration":49.866}}`,
	`{"id":"c0","type":"click","user":"u712","item":"v5239","ts":"2022-04-24T15:05:41.437Z","request":"r0"}`,
	`{"id":"d0","type":"dwell","user":"u712","item":"v5239","ts":"2022-04-24T15:06:43.238Z","request":"r0","value":61.802}`,
	`{"id":"r137e15","type":"exposure","user":"VUZP83EOKIRX","item":"h5890360","ts":"2018-11-07T00:50:19.000Z","request":"r137","position":15,"context":{"session":"e4c2019529f25","device":"mobile","city":"Petrópolis, Brazil","filters":["Sort by Price"],"price":88}}`,
	`{"id":"eb0","type":"exposure","user":"seg13","item":"all-79","ts":1574553617004,"request":"rb0","position":2,"propensity":0.087125,"context":{"policy":"bts","live":true}}`,
	`{"type":"search","user":"u1","text":"red \"shoes\"\nsize\u00a042 \ud83d\udc5f"}`,
}

var sampleItems = []string{
	`{"item":"v0","categories":["tag39"],"tags":["author7349781","NORMAL"],"created":"2022-04-10T00:00:00.000Z","duration":87.433}`,
	`{"item":"v1","price":9.5,"available":true,"text":"…","tags":[],"old":null}`,
	`{"item":"v2","$deleted":true}`,
	`{"item":"v3","tags":["a",7],"vector":[0.25,-1,3e-7,1.0]}`,
}

var sampleUsers = []string{
	`{"user":"u1","age":24,"gender":"M","occupation":null}`,
	`{"user":"u0","user_active_degree":"full_active","is_live_streamer":"1","onehot_feat4":"1.0"}`,
}
