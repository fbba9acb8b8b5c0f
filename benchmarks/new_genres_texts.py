"""One line about each genre that seed 0 draws, written once, before any line was scored."""

DESCRIPTIONS = {
    "Action Comedy": "fights, chases and stunts played for laughs",
    "Adult": "explicit sex and erotic encounters",
    "Animal Picture": "a story whose hero is an animal, such as a dog or a horse",
    "Chase Movie": "someone is pursued from place to place for most of the story",
    "Comedy of Errors": "mistaken identities and misunderstandings lead to farce",
    "Costume drama": "drama among the well-born in a past century, in period dress",
    "Fantasy Comedy": "magic, ghosts or impossible wishes played for laughs",
    "Film noir": "crime in a dark city, with a cynical detective, a femme fatale and betrayal",
    "Historical drama": "drama about real events and persons of the past",
    "Holiday Film": "a story set at Christmas or another holiday",
    "Horror": "monsters, ghosts or killers terrify and murder people",
    "Japanese Movies": "a film from Japan, with Japanese people and places",
    "Media Satire": "mocks television, the press or advertising",
    "Melodrama": "suffering, sacrifice and unhappy love, with strong feelings",
    "Political drama": "politicians, elections, power and corruption in government",
    "Propaganda film": "made to win viewers for a nation, an army or a cause",
    "Remake": "a new version of an earlier film",
    "Spaghetti Western": "gunmen, bounty hunters and bandits in an Italian western",
    "Teen": "teenagers at high school, their friendships, parties and first love",
    "Television movie": "a film made for television",
}
