// Runs before the first paint: the remembered or requested looks, so the page never flashes in the wrong ones.
(function () {
  var root = document.documentElement.dataset;
  var held = {};
  try {
    held = JSON.parse(localStorage.getItem('tapedeck.settings')) || {};
  } catch (_) {}
  var theme = new URLSearchParams(location.search).get('theme');
  if (theme !== 'dark' && theme !== 'light') theme = held.theme;
  if (theme === 'light' || theme === 'dark') root.theme = theme;
  var prefs = held.prefs || {};
  if (prefs.palette === 'safe') root.palette = 'safe';
  if (prefs.less_motion === true) root.motion = 'less';
})();
